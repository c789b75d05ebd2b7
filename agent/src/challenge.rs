//! `WWW-Authenticate` as servers send it (RFC 9110 section 11.6.1): several challenges in one header
//! or in several, parameters bare or quoted. Owns the grammar and what a Bearer challenge says
//! (RFC 6750 section 3, RFC 9728 section 5.1); believes none of it.

use crate::scopes::Scopes;

/// The longest header that is looked at, in bytes.
const LONGEST: usize = 8 * 1024;

/// The most challenges in one header.
const MOST_CHALLENGES: usize = 16;

/// The most parameters of one challenge.
const MOST_PARAMETERS: usize = 32;

/// One challenge: a scheme and its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// The authentication scheme, in lower case.
    pub scheme: String,
    /// The parameters, their names in lower case, in the order of the header.
    pub parameters: Vec<(String, String)>,
}

/// The header does not follow the grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the WWW-Authenticate header is malformed")]
pub struct Malformed;

/// What a Bearer challenge tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bearer {
    /// What is wrong with the token, if one was sent.
    pub error: Option<String>,
    /// The same for people.
    pub description: Option<String>,
    /// What the request needs.
    pub scope: Option<Scopes>,
    /// Where the server describes itself.
    pub resource_metadata: Option<String>,
}

impl Bearer {
    /// The first Bearer challenge of these headers. A malformed header says nothing.
    pub fn of<'a>(headers: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let mut challenges = headers.into_iter().filter_map(|header| parse(header).ok()).flatten();
        challenges.find(|challenge| challenge.scheme == "bearer").map(Self::read)
    }

    fn read(challenge: Challenge) -> Self {
        let mut bearer = Self::default();
        for (name, value) in challenge.parameters {
            match name.as_str() {
                "error" => bearer.error = Some(value),
                "error_description" => bearer.description = Some(value),
                "scope" => bearer.scope = value.parse().ok(),
                "resource_metadata" => bearer.resource_metadata = Some(value),
                _ => {}
            }
        }
        bearer
    }

    /// Whether it asks for a token with more scope.
    pub fn is_insufficient_scope(&self) -> bool {
        self.error.as_deref() == Some("insufficient_scope")
    }
}

/// Reads all challenges of one header.
///
/// # Errors
/// Where the header is too long, leaves the grammar, or names a parameter twice.
pub fn parse(header: &str) -> Result<Vec<Challenge>, Malformed> {
    if header.len() > LONGEST {
        return Err(Malformed);
    }
    let mut rest = Rest(header);
    let mut challenges = Vec::new();
    rest.skip_separators();
    while !rest.is_empty() {
        if challenges.len() == MOST_CHALLENGES {
            return Err(Malformed);
        }
        challenges.push(rest.challenge()?);
    }
    Ok(challenges)
}

/// What is still unread.
#[derive(Clone, Copy)]
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let end = self.0.find(|character| !belongs(character)).unwrap_or(self.0.len());
        let (taken, rest) = self.0.split_at(end);
        self.0 = rest;
        taken
    }

    fn take(&mut self, character: char) -> bool {
        let rest = self.0.strip_prefix(character);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn skip_space(&mut self) {
        self.take_while(is_space);
    }

    fn skip_separators(&mut self) {
        self.take_while(|character| is_space(character) || character == ',');
    }

    fn token(&mut self) -> Result<&'a str, Malformed> {
        let token = self.take_while(is_token);
        if token.is_empty() { Err(Malformed) } else { Ok(token) }
    }

    /// Whether a list element ends here.
    fn ends_element(mut self) -> bool {
        self.skip_space();
        self.0.is_empty() || self.0.starts_with(',')
    }

    fn challenge(&mut self) -> Result<Challenge, Malformed> {
        let scheme = self.token()?.to_ascii_lowercase();
        let mut parameters: Vec<(String, String)> = Vec::new();
        if !self.ends_element() && !self.0.starts_with(is_space) {
            return Err(Malformed);
        }
        self.skip_space();
        if self.skip_token68() {
            self.skip_separators();
            return Ok(Challenge { scheme, parameters });
        }
        while let Some((name, value)) = self.parameter()? {
            if parameters.len() == MOST_PARAMETERS || parameters.iter().any(|(known, _)| *known == name) {
                return Err(Malformed);
            }
            parameters.push((name, value));
        }
        Ok(Challenge { scheme, parameters })
    }

    /// Skips credentials in the form of one token68, which Bearer challenges do not use.
    fn skip_token68(&mut self) -> bool {
        let mut ahead = *self;
        let text = ahead.take_while(|character| character.is_ascii_alphanumeric() || "-._~+/".contains(character));
        ahead.take_while(|character| character == '=');
        let is_token68 = !text.is_empty() && ahead.ends_element();
        if is_token68 {
            *self = ahead;
        }
        is_token68
    }

    /// The next parameter of this challenge; nothing where the next challenge or the end follows.
    fn parameter(&mut self) -> Result<Option<(String, String)>, Malformed> {
        self.skip_separators();
        if self.is_empty() {
            return Ok(None);
        }
        let mut ahead = *self;
        let name = ahead.token()?;
        ahead.skip_space();
        if !ahead.take('=') {
            return Ok(None);
        }
        ahead.skip_space();
        let value = if ahead.take('"') { ahead.quoted()? } else { ahead.token()?.to_owned() };
        if !ahead.ends_element() {
            return Err(Malformed);
        }
        *self = ahead;
        Ok(Some((name.to_ascii_lowercase(), value)))
    }

    /// The rest of a quoted string, its opening quote already read.
    fn quoted(&mut self) -> Result<String, Malformed> {
        let mut text = String::new();
        let mut characters = self.0.char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    self.0 = &self.0[at + 1..];
                    return Ok(text);
                }
                '\\' => text.push(
                    characters
                        .next()
                        .map(|(_, escaped)| escaped)
                        .filter(|escaped| is_text(*escaped))
                        .ok_or(Malformed)?,
                ),
                other if is_text(other) => text.push(other),
                _ => return Err(Malformed),
            }
        }
        Err(Malformed)
    }
}

fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t')
}

fn is_text(character: char) -> bool {
    character == '\t' || !character.is_control()
}

fn is_token(character: char) -> bool {
    character.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(character)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn challenge(scheme: &str, parameters: &[(&str, &str)]) -> Challenge {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Challenge { scheme: scheme.to_owned(), parameters: parameters.iter().map(owned).collect() }
    }

    #[test]
    fn challenges_are_told_apart_from_parameters() {
        assert_eq!(
            parse(r#"Basic realm="a, b", Bearer scope="x y",error=invalid_token , Negotiate, DPoP algs="ES256""#),
            Ok(vec![
                challenge("basic", &[("realm", "a, b")]),
                challenge("bearer", &[("scope", "x y"), ("error", "invalid_token")]),
                challenge("negotiate", &[]),
                challenge("dpop", &[("algs", "ES256")]),
            ])
        );
        assert_eq!(
            parse("Negotiate abc/d== , Bearer"),
            Ok(vec![challenge("negotiate", &[]), challenge("bearer", &[])])
        );
        assert_eq!(parse(" , ,"), Ok(vec![]));
        assert_eq!(parse("BEARER  Scope = x"), Ok(vec![challenge("bearer", &[("scope", "x")])]));
    }

    #[test]
    fn a_quoted_string_may_hold_what_looks_like_a_challenge() {
        let header = r#"Bearer realm="\", Bearer resource_metadata=\"https://evil.example", scope="a""#;
        let bearer = Bearer::of([header]).unwrap();
        assert_eq!((bearer.resource_metadata, bearer.scope), (None, "a".parse().ok()));
    }

    #[test]
    fn a_malformed_header_says_nothing() {
        for wrong in [
            "=",
            "Bearer y=1, x=, z=2",
            "Bearer x=\"",
            "Bearer x=\"\\",
            "Bearer x=\"a\"y=\"b\"",
            "Bearer x=1 y=2",
            "Bearer x=1, x=2",
            "Bearer x=1, X=2",
            "Bearer;x=1",
            "Bearer x=\"a\u{7}\"",
            "é",
            &"Bearer, ".repeat(MOST_CHALLENGES + 1),
            &format!("Bearer x=\"{}\"", "a".repeat(LONGEST)),
        ] {
            assert_eq!(parse(wrong), Err(Malformed), "{wrong}");
            assert_eq!(Bearer::of([wrong]), None, "{wrong}");
        }
    }

    #[test]
    fn the_bearer_challenge_is_found_among_several_headers() {
        let bearer = Bearer::of([r#"Basic realm="x""#, "nonsense=", r#"Bearer error="insufficient_scope""#]).unwrap();
        assert!(bearer.is_insufficient_scope());
    }

    #[test]
    fn a_scope_that_is_none_is_overlooked() {
        assert_eq!(Bearer::of([r#"Bearer scope="a\\b", error="x""#]).unwrap().scope, None);
    }

    proptest! {
        #[test]
        fn no_header_makes_the_parser_panic(header in ".{0,200}") {
            let _ = parse(&header);
        }

        #[test]
        fn no_header_of_the_right_characters_makes_the_parser_panic(header in r#"[Ba=", \\/\t1]{0,60}"#) {
            let _ = parse(&header);
        }

        #[test]
        fn what_is_written_by_the_grammar_is_read_back(
            written in prop::collection::vec(
                ("[a-z][a-z0-9-]{0,8}", prop::collection::btree_map("[a-z_]{1,8}", "[ -~\u{e9}]{0,12}", 0..4)),
                0..5,
            )
        ) {
            let quote = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
            let header: Vec<String> = written.iter().map(|(scheme, parameters)| {
                let parameters: Vec<String> =
                    parameters.iter().map(|(name, value)| format!("{name}=\"{}\"", quote(value))).collect();
                format!("{scheme} {}", parameters.join(", "))
            }).collect();
            let read = parse(&header.join(", ")).unwrap();
            let expected: Vec<Challenge> = written.into_iter().map(|(scheme, parameters)| {
                Challenge { scheme, parameters: parameters.into_iter().collect() }
            }).collect();
            prop_assert_eq!(read, expected);
        }
    }
}
