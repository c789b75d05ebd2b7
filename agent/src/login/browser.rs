//! The person's browser: whether there is one where this runs, and opening an address in it. Owns no
//! address: what is opened is `https`, or `http` on this machine, by [`crate::address`].

use std::collections::BTreeMap;
use std::ffi::OsString;

use url::Url;
use webbrowser::{Browser, BrowserOptions};

/// Whether a browser that is opened here appears before the person: not over SSH, nor on a machine
/// without a display. `BROWSER` says that there is one all the same.
pub fn is_here(environment: &BTreeMap<String, OsString>) -> bool {
    let is_set = |name: &&str| environment.get(*name).is_some_and(|value| !value.is_empty());
    if ["BROWSER", "DISPLAY", "WAYLAND_DISPLAY"].iter().any(is_set) {
        return true;
    }
    let is_remote = ["SSH_CONNECTION", "SSH_TTY"].iter().any(is_set);
    !is_remote && !cfg!(target_os = "linux")
}

/// Opens an address; says whether there was anything to open it with. Waits where the browser is one
/// of the terminal.
pub fn open(address: &Url) -> bool {
    webbrowser::open_browser_with_options(Browser::Default, address.as_str(), &BrowserOptions::new()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_browser_where_there_is_a_display_or_one_is_named() {
        let is_here =
            |names: &[&str]| is_here(&names.iter().map(|name| ((*name).to_owned(), OsString::from("x"))).collect());
        assert!(is_here(&["DISPLAY"]) && is_here(&["WAYLAND_DISPLAY"]) && is_here(&["SSH_TTY", "BROWSER"]));
        assert!(is_here(&["SSH_CONNECTION", "DISPLAY"]), "of the person's own machine, forwarded");
        assert!(!is_here(&["SSH_CONNECTION"]) && !is_here(&["SSH_TTY"]));
        assert_eq!(is_here(&[]), !cfg!(target_os = "linux"));
    }
}
