//! A browser without JavaScript: keeps cookies, follows redirects within one site, and sends the forms
//! that a page has. Owns reading forms out of HTML; never runs a script, for there is none.

use std::collections::BTreeMap;
use std::sync::Mutex;

use crate::http::{self, Answer, Http};

/// The most redirects in a row.
const MOST_REDIRECTS: usize = 10;

/// A browser of its own.
#[derive(Debug, Default)]
pub struct Browser {
    http: Http,
    cookies: Mutex<BTreeMap<String, String>>,
    address: Option<String>,
}

/// A form of a page: where it goes, and what it would send as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// Where it goes.
    pub action: String,
    /// The names and values of its fields; a ticked box has the value `on`.
    pub fields: Vec<(String, String)>,
}

impl Browser {
    /// One that has been nowhere.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One that comes from that address, as a proxy says that the service trusts.
    #[must_use]
    pub fn from_address(address: &str) -> Self {
        Self { address: Some(address.to_owned()), ..Self::default() }
    }

    /// The value of a cookie, empty where there is none.
    #[must_use]
    pub fn cookie(&self, name: &str) -> String {
        self.cookies.lock().unwrap().get(name).cloned().unwrap_or_default()
    }

    /// Puts a cookie in, as somebody with the machine in hand could.
    pub fn set_cookie(&self, name: &str, value: &str) {
        self.cookies.lock().unwrap().insert(name.to_owned(), value.to_owned());
    }

    /// Another browser with the same cookies.
    #[must_use]
    pub fn copy(&self) -> Self {
        let cookies = Mutex::new(self.cookies.lock().unwrap().clone());
        Self { http: Http::new(), cookies, address: self.address.clone() }
    }

    /// `GET url`, and nothing more.
    #[must_use]
    pub fn get(&self, url: &str) -> Answer {
        self.send(self.http.get(url))
    }

    /// `GET url` and on, as long as it is sent on within the same site.
    #[must_use]
    pub fn open(&self, url: &str) -> Answer {
        self.follow(self.get(url), url)
    }

    /// Sends a form, and nothing more.
    #[must_use]
    pub fn post(&self, url: &str, fields: &[(String, String)]) -> Answer {
        self.send(self.http.post(url).header("Sec-Fetch-Site", "same-origin").form(fields))
    }

    /// Sends a form as another site's page would.
    #[must_use]
    pub fn post_from_elsewhere(&self, form: &Form) -> Answer {
        self.send(self.http.post(&form.action).header("Sec-Fetch-Site", "cross-site").form(&form.fields))
    }

    /// Sends a form and goes on, as long as it is sent on within the same site.
    #[must_use]
    pub fn submit(&self, form: &Form) -> Answer {
        self.follow(self.post(&form.action, &form.fields), &form.action)
    }

    fn follow(&self, mut answer: Answer, from: &str) -> Answer {
        let site = origin(from);
        for _ in 0..MOST_REDIRECTS {
            let location = answer.header("location").to_owned();
            if answer.status != 303 || origin(&location) != site {
                return answer;
            }
            answer = self.get(&location);
        }
        panic!("redirected without end: {answer:#?}")
    }

    fn send(&self, request: reqwest::blocking::RequestBuilder) -> Answer {
        let cookies: Vec<String> =
            self.cookies.lock().unwrap().iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = if cookies.is_empty() { request } else { request.header("Cookie", cookies.join("; ")) };
        let request = match &self.address {
            Some(address) => request.header("X-Forwarded-For", address),
            None => request,
        };
        let answer = http::send(request);
        for cookie in answer.headers.get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            let (name, value) = cookie.split(';').next().and_then(|pair| pair.split_once('=')).unwrap();
            let mut cookies = self.cookies.lock().unwrap();
            if cookie.contains("Max-Age=0") {
                cookies.remove(name);
            } else {
                cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }
}

impl Form {
    /// All forms of a page.
    #[must_use]
    pub fn all(page: &Answer) -> Vec<Self> {
        let forms = page.body.split("<form ").skip(1);
        forms.map(|text| Self::read(text.split("</form>").next().unwrap_or_default())).collect()
    }

    /// The form of a page that goes to that path.
    #[must_use]
    pub fn to(page: &Answer, path: &str) -> Self {
        let goes_there = |form: &Self| form.action.contains(path);
        Self::all(page).into_iter().find(goes_there).unwrap_or_else(|| panic!("no form goes to {path}: {page:#?}"))
    }

    /// The form with a field of that value, instead of what it had.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.retain(|(known, _)| known != name);
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The form without that field: a box that is not ticked.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        assert!(self.fields.iter().any(|(known, _)| known == name), "the form has no {name}: {self:#?}");
        self.fields.retain(|(known, _)| known != name);
        self
    }

    /// The value of a field, empty where there is none.
    #[must_use]
    pub fn field(&self, name: &str) -> &str {
        self.fields.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    fn read(text: &str) -> Self {
        let action = attribute(text.split('>').next().unwrap_or_default(), "action");
        let inputs = text.split("<input ").skip(1).map(|input| input.split('>').next().unwrap_or_default());
        let fields = inputs.filter_map(|input| {
            let is_box = attribute(input, "type") == "checkbox";
            let value = if is_box { "on".to_owned() } else { attribute(input, "value") };
            (!is_box || input.contains(" checked")).then(|| (attribute(input, "name"), value))
        });
        Self { action, fields: fields.collect() }
    }
}

/// Scheme, host and port.
fn origin(url: &str) -> String {
    reqwest::Url::parse(url).map(|url| url.origin().ascii_serialization()).unwrap_or_default()
}

fn attribute(tag: &str, name: &str) -> String {
    let value = tag.split(&format!("{name}=\"")).nth(1).and_then(|rest| rest.split('"').next());
    unescaped(value.unwrap_or_default())
}

/// HTML text as it reads.
#[must_use]
pub fn unescaped(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("&#") {
        let (code, after) = after.split_once(';').unwrap();
        plain.push_str(before);
        plain.extend(code.parse().ok().and_then(char::from_u32));
        rest = after;
    }
    plain.push_str(rest);
    plain
}
