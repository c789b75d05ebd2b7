//! What nobody may be told: the secrets and tokens of a test, and the search for them, and for parts of them, in what
//! processes have said.

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The shortest part of a secret that is looked for, in characters: less can be there by chance.
const PART: usize = 12;

/// Texts that nobody may be told.
#[derive(Debug, Default)]
pub struct Confidential {
    /// Parts of them, in the forms in which a log could hold them.
    parts: Vec<String>,
    /// Of what each is a part.
    whole: Vec<String>,
}

impl Confidential {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A secret, which `what` names for whoever reads why a test failed.
    pub fn keep(&mut self, what: &str, secret: &str) {
        let secret = random_part(secret);
        assert!(secret.len() >= PART, "{what} is too short to be looked for");
        // They overlap, so that a longer run of it holds one of them wherever it begins.
        let last = secret.len() - PART;
        for start in (0..last).step_by(PART / 2).chain([last]) {
            let part = secret.get(start..start + PART).unwrap_or_else(|| panic!("{what} is no ASCII"));
            for form in [part.to_owned(), numbers(part)] {
                self.parts.push(form);
                self.whole.push(what.to_owned());
            }
        }
    }

    /// A signed token. Its header says nothing.
    pub fn keep_token(&mut self, what: &str, token: &str) {
        let [_, payload, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!("{what} is no token") };
        self.keep(&format!("the claims of {what}"), payload);
        self.keep(&format!("the signature of {what}"), signature);
    }

    /// A client's secret, also as it travels beside the name of the client.
    pub fn keep_credentials(&mut self, what: &str, name: &str, secret: &str) {
        self.keep(what, secret);
        let joined = format!("{name}:{secret}");
        // What comes before the secret is known to many: three bytes of it are four characters here.
        let known = (joined.len() - random_part(secret).len()).div_ceil(3) * 4;
        let encoded = STANDARD.encode(joined);
        self.keep(&format!("{what} in base64"), encoded[known..].trim_end_matches('='));
    }

    /// That a text, which came from `place`, has none of them and no part of one.
    pub fn is_unknown_to(&self, place: &str, text: &str) {
        let search = AhoCorasick::new(&self.parts).unwrap();
        if let Some(found) = search.find(text) {
            let what = &self.whole[found.pattern().as_usize()];
            let begin = text[..found.start()].rfind('\n').map_or(0, |end| end + 1);
            let line = text[begin..].lines().next().unwrap_or_default();
            panic!("{place} holds a part of {what}, {}: {line}", &text[found.range()]);
        }
    }
}

/// What is secret of a secret: not the word in front of it by which people know its kind.
fn random_part(secret: &str) -> &str {
    secret.strip_prefix("bailiwick_").and_then(|rest| rest.split_once('_')).map_or(secret, |(_, random)| random)
}

/// A text as its bytes are printed for debugging: `98, 97, 105`.
fn numbers(text: &str) -> String {
    text.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "bailiwick_secret_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";

    fn is_found_in(text: &str) -> bool {
        let mut confidential = Confidential::new();
        confidential.keep_credentials("the secret", "ci", SECRET);
        std::panic::catch_unwind(|| confidential.is_unknown_to("the log", text)).is_err()
    }

    #[test]
    fn a_secret_is_found_whole_and_in_part_and_as_bytes_and_beside_its_name() {
        assert!(is_found_in(&format!("line\n{{\"x\":\"{SECRET}\"}}\n")));
        for start in 17..SECRET.len() - 2 * PART {
            assert!(is_found_in(&SECRET[start..start + 2 * PART]), "{start}");
        }
        assert!(is_found_in(&SECRET[SECRET.len() - PART..]));
        assert!(is_found_in(&format!("{:?}", SECRET.as_bytes())));
        assert!(is_found_in(&STANDARD.encode(format!("ci:{SECRET}"))));
        for innocent in ["", "bailiwick_secret_", "0123456789", "client ci"] {
            assert!(!is_found_in(innocent), "{innocent}");
        }
    }
}
