//! A person with an account, who signs in and says yes or no by sending forms.

use serde_json::json;

use crate::admin::AdminApi;
use crate::browser::{Browser, Form};
use crate::editor::{Change, Editor, carried};
use crate::http::Answer;

/// A person.
#[derive(Clone, Debug)]
pub struct Person {
    /// The identifier: `sub` in tokens.
    pub user_id: String,
    /// What is typed to sign in.
    pub username: String,
    /// The password.
    pub password: String,
}

impl Person {
    /// A new person with these roles.
    #[must_use]
    pub fn register(admin: &AdminApi<'_>, username: &str, roles: &[&str]) -> Self {
        let password = format!("the password of {username}");
        let user =
            json!({"username": username, "name": format!("Test {username}"), "roles": roles, "password": password});
        let user_id = admin.post("/users", &user).expect(201).text("user_id");
        Self { user_id, username: username.to_owned(), password }
    }

    /// Fills in the form of a login page, and goes on.
    #[must_use]
    pub fn sign_in_at(&self, browser: &Browser, page: &Answer) -> Answer {
        let form = Form::to(page, "/login").with("username", &self.username).with("password", &self.password);
        browser.submit(&form)
    }

    /// Follows an editor's link, signs in where that is asked, and comes to where the link leads then.
    #[must_use]
    pub fn follow(&self, browser: &Browser, url: &str) -> Answer {
        let page = browser.open(url);
        if page.status == 200 && page.body.contains("name=\"password\"") {
            self.sign_in_at(browser, &page)
        } else {
            page
        }
    }

    /// Follows a client's link, lets the client do all that it asks for, and gives the answer that sends the
    /// browser back to it.
    #[must_use]
    pub fn agree(&self, browser: &Browser, url: &str) -> Answer {
        self.decide(browser, url, "allow")
    }

    /// The same, with the decision where one is asked for: `allow` or `deny`.
    #[must_use]
    pub fn decide(&self, browser: &Browser, url: &str, decision: &str) -> Answer {
        let page = self.follow(browser, url);
        if page.status == 303 {
            return page;
        }
        browser.submit(&Form::to(&page, "/consent").with("decision", decision))
    }

    /// The same, and comes back to where the client listens on this machine.
    pub fn agree_and_return(&self, browser: &Browser, url: &str) {
        let answer = self.agree(browser, url).expect(303);
        // Our cookies are not for that site.
        let _ = Browser::new().get(answer.header("location")).expect(200);
    }

    /// Lets an editor do all that it asks for, and gives the code that it gets.
    #[must_use]
    pub fn allow(&self, browser: &Browser, editor: &Editor<'_>, changes: &[Change<'_>]) -> String {
        let answer = self.agree(browser, &editor.url(changes));
        let code = carried(&answer, "code");
        assert!(!code.is_empty(), "no code: {answer:#?}");
        code
    }
}
