//! Debian's headless Chromium, driven by its chromedriver over W3C WebDriver (plain JSON over HTTP). Owns
//! both processes; what a page should look like is the tests'.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::binary;
use crate::http::Http;
use crate::service::free_port;

/// How long the browser may take for anything.
const WITHIN: Duration = Duration::from_mins(1);
/// The key under which WebDriver names an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A window of a given size.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    /// What it is called in the names of pictures.
    pub name: &'static str,
    /// Its width in CSS pixels.
    pub width: u32,
    /// Its height in CSS pixels.
    pub height: u32,
    /// Whether its owner likes it dark.
    pub dark: bool,
}

/// A running browser with one window.
#[derive(Debug)]
pub struct Chromium {
    driver: Child,
    http: Http,
    session: String,
    profile: TempDir,
}

impl Chromium {
    /// Starts one with a profile of its own.
    #[must_use]
    pub fn start() -> Self {
        let profile = tempfile::tempdir().unwrap();
        let port = free_port();
        let mut command = Command::new("chromedriver");
        let command = command.arg(format!("--port={port}")).stdout(Stdio::null()).stderr(Stdio::null());
        let driver = command.spawn().unwrap_or_else(|error| {
            panic!("chromedriver does not start ({error}): sudo apt-get install chromium chromium-driver")
        });
        let mut browser = Self { driver, http: Http::new(), session: format!("http://127.0.0.1:{port}"), profile };
        let deadline = Instant::now() + WITHIN;
        while browser.http.get(format!("{}/status", browser.session)).send().is_err() {
            assert!(Instant::now() < deadline, "chromedriver does not answer");
            std::thread::yield_now();
        }
        let folder = browser.profile.path().display();
        let options = json!({"args": [
            "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
            // Pages of this machine in a frame of another site are what a test looks at.
            "--disable-features=LocalNetworkAccessChecks", format!("--user-data-dir={folder}"),
        ]});
        let wanted = json!({"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}});
        let made = browser.post("/session", &json!({"capabilities": {"alwaysMatch": wanted}}));
        browser.session = format!("{}/session/{}", browser.session, made["sessionId"].as_str().unwrap());
        browser
    }

    /// A command that opens an address in this browser, for programs that open the browser of the machine.
    #[must_use]
    pub fn opener(&self) -> PathBuf {
        let path = self.profile.path().join("open");
        let script = format!(
            "#!/bin/sh\nexec curl --silent --noproxy '*' {}/url -H 'Content-Type: application/json' -d '{{\"url\":\"'\"$1\"'\"}}'\n",
            self.session
        );
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        path
    }

    /// Gives the window another size and taste.
    pub fn show_on(&self, screen: Screen) {
        let scheme = if screen.dark { "dark" } else { "light" };
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.devtools("Emulation.setEmulatedMedia", &json!({"features": features}));
        let size = json!({
            "width": screen.width, "height": screen.height, "deviceScaleFactor": 1, "mobile": screen.width < 500,
        });
        self.devtools("Emulation.setDeviceMetricsOverride", &size);
    }

    /// Goes to a URL.
    pub fn open(&self, url: &str) {
        self.post("/url", &json!({"url": url}));
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        self.get("/url").as_str().unwrap_or_default().to_owned()
    }

    /// Waits until it is at a URL that begins so; gives the whole.
    #[must_use]
    pub fn arrive(&self, beginning: &str) -> String {
        let deadline = Instant::now() + WITHIN;
        loop {
            let url = self.url();
            if url.starts_with(beginning) {
                self.await_page();
                return url;
            }
            assert!(Instant::now() < deadline, "not at {beginning} but at {url}");
        }
    }

    /// Waits until the page is whole and laid out: where one navigation replaces another, the driver
    /// says that it is there before it is.
    fn await_page(&self) {
        let deadline = Instant::now() + WITHIN;
        let is_whole = "return document.readyState === 'complete' && document.documentElement.scrollWidth > 0";
        while self.evaluate(is_whole) != true {
            assert!(Instant::now() < deadline, "the page is never whole: {}", self.url());
        }
    }

    /// Types into the field that has the focus; the names of keys in braces, such as `{Tab}`.
    pub fn press(&self, keys: &str) {
        let keys = keys.replace("{Tab}", "\u{e004}").replace("{Enter}", "\u{e007}").replace("{Space}", " ");
        let strokes: Vec<Value> = keys
            .chars()
            .flat_map(|key| ["keyDown", "keyUp"].map(|kind| json!({"type": kind, "value": key.to_string()})))
            .collect();
        self.post("/actions", &json!({"actions": [{"type": "key", "id": "keyboard", "actions": strokes}]}));
    }

    /// Clicks on what a CSS selector finds.
    pub fn click(&self, selector: &str) {
        let found = self.post("/element", &json!({"using": "css selector", "value": selector}));
        let element = found[ELEMENT].as_str().unwrap_or_else(|| panic!("no {selector}: {found}"));
        self.post(&format!("/element/{element}/click"), &json!({}));
    }

    /// What a script of the tester's, which the page's policy does not bind, returns.
    #[must_use]
    pub fn evaluate(&self, script: &str) -> Value {
        self.look("/execute/sync", &json!({"script": script, "args": []}))
    }

    /// What the page shows as text.
    #[must_use]
    pub fn text(&self) -> String {
        self.evaluate("return document.body ? document.body.innerText : ''").as_str().unwrap_or_default().to_owned()
    }

    /// Waits until the page shows that text.
    pub fn await_text(&self, text: &str) {
        let deadline = Instant::now() + WITHIN;
        while !self.text().contains(text) {
            assert!(Instant::now() < deadline, "no {text:?} on the page: {}", self.text());
        }
    }

    /// Waits until the element of that id has the focus, as a person does who looks before typing.
    pub fn await_focus(&self, id: &str) {
        let deadline = Instant::now() + WITHIN;
        let focus = || self.evaluate("return document.activeElement.id");
        while focus() != id {
            assert!(Instant::now() < deadline, "the focus is at {}, not at {id}", focus());
        }
    }

    /// Goes into the first frame of the page.
    pub fn enter_frame(&self) {
        self.post("/frame", &json!({"id": 0}));
    }

    /// What the browser complained of since it was last asked.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        let log = self.post("/se/log", &json!({"type": "browser"}));
        let entries = log.as_array().cloned().unwrap_or_default();
        entries.iter().map(|entry| entry["message"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Takes a picture of the page, for people to look at: target/screenshots/NAME.png.
    pub fn picture(&self, name: &str) {
        let folder = pictures();
        fs::create_dir_all(&folder).unwrap();
        self.await_page();
        let picture = self.devtools("Page.captureScreenshot", &json!({"captureBeyondViewport": true}));
        let bytes = STANDARD.decode(picture["data"].as_str().unwrap()).unwrap();
        fs::write(folder.join(format!("{name}.png")), bytes).unwrap();
    }

    fn devtools(&self, command: &str, parameters: &Value) -> Value {
        self.look("/goog/cdp/execute", &json!({"cmd": command, "params": parameters}))
    }

    /// What changes nothing, and so is done again where the page went to another one meanwhile.
    fn look(&self, path: &str, body: &Value) -> Value {
        let deadline = Instant::now() + WITHIN;
        loop {
            let answer = self.answer(path, body);
            let message = answer["message"].as_str().unwrap_or_default();
            if !message.contains("aborted by navigation") || Instant::now() > deadline {
                return Self::good(path, answer);
            }
        }
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        Self::good(path, self.answer(path, body))
    }

    fn get(&self, path: &str) -> Value {
        Self::good(path, Self::value(self.http.get(format!("{}{path}", self.session))))
    }

    fn answer(&self, path: &str, body: &Value) -> Value {
        Self::value(self.http.post(format!("{}{path}", self.session)).json(body))
    }

    fn value(request: reqwest::blocking::RequestBuilder) -> Value {
        let answer: Value = request.timeout(WITHIN).send().unwrap().json().unwrap();
        answer["value"].clone()
    }

    fn good(path: &str, value: Value) -> Value {
        assert!(value.get("error").is_none(), "{path}: {value:#}");
        value
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // The browser is the driver's child: it ends with its session, and then the driver does.
        let _ = self.http.delete(&self.session).timeout(WITHIN).send();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// The folder of the pictures.
#[must_use]
pub fn pictures() -> PathBuf {
    binary::folder().parent().map(|target| target.join("screenshots")).unwrap()
}
