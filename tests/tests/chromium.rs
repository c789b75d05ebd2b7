//! The pages in a real browser: it follows the whole way by keyboard alone, obeys the policies, and shows
//! every page whole and readable on a desk and on a phone, light and dark. The pictures are left in
//! target/screenshots for people to look at.

use bailiwick_e2e::chromium::{Chromium, Screen};
use bailiwick_e2e::{Agent, Editor, Person, World};
use serde_json::{Value, json};

const REDIRECT_PATH: &str = "/health/live";

const SCREENS: [Screen; 3] = [
    Screen { name: "desk-light", width: 1280, height: 900, dark: false },
    Screen { name: "desk-dark", width: 1280, height: 900, dark: true },
    Screen { name: "phone", width: 360, height: 740, dark: false },
];

/// Every text and the colour behind it must differ enough to be read (WCAG 2.2, 1.4.3), nothing may stick
/// out to the side, every field must have a name, and the document a language, a title and one heading.
const FAULTS: &str = r"
    const faults = [];
    const channels = colour => (colour.match(/[\d.]+/g) || []).map(Number);
    const light = colour => {
        const [r, g, b] = channels(colour).map(value => {
            value /= 255;
            return value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const behind = element => {
        for (; element; element = element.parentElement) {
            const colour = getComputedStyle(element).backgroundColor;
            if ((channels(colour)[3] ?? 1) > 0) return colour;
        }
        return 'rgb(255, 255, 255)';
    };
    for (const element of document.body.querySelectorAll('*')) {
        const own = [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
        if (!own || !element.offsetParent) continue;
        const [one, other] = [light(getComputedStyle(element).color), light(behind(element))];
        const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
        if (contrast < 4.5) faults.push(`contrast ${contrast.toFixed(2)}: ${element.textContent.trim().slice(0, 60)}`);
    }
    if (document.documentElement.scrollWidth > window.innerWidth) faults.push('wider than the screen');
    for (const field of document.querySelectorAll('input:not([type=hidden]):not([aria-hidden=true])')) {
        if (!field.labels.length) faults.push(`a field without a label: ${field.name}`);
    }
    if (!document.documentElement.lang || !document.title) faults.push('no language or title');
    if (document.querySelectorAll('h1').length !== 1) faults.push('not one main heading');
    if (document.scripts.length) faults.push('a script');
    return faults;
";

fn looks_well(browser: &Chromium, screen: Screen, page: &str) {
    browser.picture(&format!("{page}-{}", screen.name));
    assert_eq!(browser.evaluate(FAULTS), json!([]), "{page} on {screen:?}");
}

/// Begins to type at once: the first field has the focus.
fn type_credentials(browser: &Chromium, person: &Person) {
    browser.await_focus("username");
    browser.press(&format!("{}{{Tab}}{}{{Enter}}", person.username, person.password));
}

/// Where the editors of this file listen: a page that is there, of another server of this machine.
fn redirect_uri(world: &World) -> String {
    world.hr.url(REDIRECT_PATH)
}

fn editor<'a>(world: &'a World, name: &str, roles: &Value) -> Editor<'a> {
    let redirect_uris = json!([format!("http://localhost{REDIRECT_PATH}")]);
    world.editor_with(&json!({"client_name": name, "roles": roles, "redirect_uris": redirect_uris}))
}

fn editor_url(editor: &Editor<'_>, redirect_uri: &str, scope: &str) -> String {
    editor.url(&[("redirect_uri", Some(redirect_uri)), ("scope", Some(scope))])
}

fn focus(browser: &Chromium) -> Value {
    browser.evaluate("return document.activeElement.id || document.activeElement.textContent.trim()")
}

#[test]
fn a_person_comes_all_the_way_by_keyboard_alone() {
    let world = World::shared();
    let (person, editor) = (world.person("keyboard", &["Officer"]), editor(&world, "Keyboard editor", &json!([])));
    let (browser, redirect_uri) = (Chromium::start(), redirect_uri(&world));
    browser.open(&editor_url(&editor, &redirect_uri, "hr:*"));
    type_credentials(&browser, &person);
    let _ = browser.arrive(&format!("{}/consent?", world.auth.issuer));
    browser.press("{Tab}");
    assert_eq!(focus(&browser), "reading-1");
    browser.press("{Tab}");
    assert_eq!(focus(&browser), "writing-1");
    browser.press("{Space}{Tab}");
    assert_eq!(focus(&browser), "Allow");
    browser.press("{Enter}");
    let answer = browser.arrive(&redirect_uri);
    let answer = reqwest::Url::parse(&answer).unwrap();
    let code = answer.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
    let token = editor.redeem(&code, &[("redirect_uri", Some(&redirect_uri))]).expect(200);
    assert_eq!(token.text("scope"), "hr:read", "what was unticked with the space bar is not granted");
    let complaints: Vec<String> =
        browser.complaints().into_iter().filter(|complaint| complaint.contains("Content Security Policy")).collect();
    assert_eq!(complaints, [""; 0]);
    browser.open(&editor_url(&editor, &redirect_uri, "hr:read"));
    let _ = browser.arrive(&redirect_uri);
}

#[test]
fn mcp_agent_opens_the_browser_and_the_person_comes_back_to_a_page_that_may_be_closed() {
    let world = World::shared();
    let person = world.person("browser-login", &["Officer"]);
    let editor = world.editor_with(&json!({"client_name": "mcp-agent"}));
    let browser = Chromium::start();
    let agent =
        Agent::new().with("MCP_AGENT_SERVER", &world.hr.resource).with("MCP_AGENT_CLIENT_ID", &editor.client_id);
    let agent = agent.with("BROWSER", browser.opener().to_str().unwrap());
    let login = agent.begin_login_in_browser(&[]);
    let _ = browser.arrive(&format!("{}/login?", world.auth.issuer));
    type_credentials(&browser, &person);
    let _ = browser.arrive(&format!("{}/consent?", world.auth.issuer));
    browser.click("button[value=allow]");
    let _ = browser.arrive("http://127.0.0.1:");
    browser.await_text("You can close this window");
    for screen in SCREENS {
        browser.show_on(screen);
        looks_well(&browser, screen, "logged-in");
    }
    let complaints: Vec<String> =
        browser.complaints().into_iter().filter(|complaint| complaint.contains("Content Security Policy")).collect();
    assert_eq!(complaints, [""; 0]);
    assert_eq!(login.end().well().json()["subject"], json!(person.user_id));
    assert_eq!(agent.run(&["call", "get_hr_summary"]).well().code, 0);
}

#[test]
fn every_page_is_whole_and_readable_on_every_screen() {
    let world = World::shared();
    let person = world.person("pictures", &["Officer"]);
    let long = "a client whose name is much longer than anybody would read ".repeat(3);
    let long = editor(&world, long.trim(), &json!(["Registrar"]));
    let editor = editor(&world, "Visual Editor", &json!([]));
    let (browser, redirect_uri) = (Chromium::start(), redirect_uri(&world));
    let url = |path: &str| format!("{}{path}", world.auth.issuer);
    let visit = |page: &str, go: &dyn Fn()| {
        for screen in SCREENS {
            browser.show_on(screen);
            go();
            looks_well(&browser, screen, page);
        }
    };
    let link = editor_url(&editor, &redirect_uri, "hr:* offline_access");
    visit("login", &|| browser.open(&link));
    let failed = || {
        browser.open(&link);
        browser.await_focus("username");
        browser.press("nobody{Tab}a wrong password{Enter}");
        browser.await_text("is wrong");
    };
    visit("login-failed", &failed);
    visit("error", &|| browser.open(&url("/oauth2/authorize?client_id=nobody")));
    browser.open(&link);
    type_credentials(&browser, &person);
    let _ = browser.arrive(&url("/consent?"));
    visit("consent", &|| browser.open(&link));
    visit("consent-long", &|| browser.open(&editor_url(&long, &redirect_uri, "")));
    visit("account-empty", &|| browser.open(&url("/account")));
    browser.open(&link);
    browser.click("button[value=allow]");
    let _ = browser.arrive(&redirect_uri);
    visit("account", &|| browser.open(&url("/account")));
    visit("password", &|| browser.open(&url("/account/password")));
    visit("logout", &|| browser.open(&url("/logout")));
    browser.open(&url("/account"));
    browser.click(".agent .danger");
    browser.await_text("does not act for you any more");
    looks_well(&browser, SCREENS[2], "withdrawn");
    browser.open(&url("/logout"));
    browser.click("button.primary");
    browser.await_text("Signed out");
    visit("signed-out", &|| browser.open(&url("/logout")));
}

#[test]
fn no_page_shows_in_a_frame_of_another_site() {
    let world = World::shared();
    let browser = Chromium::start();
    for (path, shown) in [("/openapi.json", true), ("/login", false), ("/account", false), ("/logout", false)] {
        let frame = format!("<iframe width=800 height=600 src='{}{path}'></iframe>", world.auth.issuer);
        browser.open(&format!("data:text/html,{frame}"));
        browser.enter_frame();
        let text = browser.text();
        let is_ours = text.contains("openapi") || text.contains("Bailiwick");
        assert_eq!(is_ours, shown, "{path}: {text}");
    }
}
