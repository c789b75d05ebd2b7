//! The head of a request, as far as the guard reads it. Owns which fields those are, and finds them in one look at
//! all that came; what they mean is said by the checks.

use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::refusal::Refusal;

/// The first protocol version whose errors carry an HTTP status of their own.
const MODERN: &str = "2026-07-28";

/// The header that names the revision of MCP.
pub(crate) const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");

/// A request without its body.
pub(crate) struct Head<'a> {
    /// All of it.
    pub(crate) request: &'a Parts,
    pub(crate) host: Field<'a>,
    pub(crate) origin: Field<'a>,
    pub(crate) authorization: Field<'a>,
    pub(crate) api_key: Field<'a>,
    pub(crate) session: Field<'a>,
    /// The header that repeats the method.
    pub(crate) method: Field<'a>,
    protocol_version: Field<'a>,
}

/// What came under one name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Field<'a> {
    /// Nothing.
    #[default]
    Absent,
    /// One value.
    Once(&'a HeaderValue),
    /// Several; this is the first.
    Repeated(&'a HeaderValue),
}

impl<'a> Field<'a> {
    fn add(&mut self, value: &'a HeaderValue) {
        *self = match *self {
            Self::Absent => Self::Once(value),
            Self::Once(first) | Self::Repeated(first) => Self::Repeated(first),
        };
    }

    /// The one value, if there is any.
    ///
    /// # Errors
    /// `refusal` where there are several.
    pub(crate) fn at_most_once(self, refusal: impl FnOnce() -> Refusal) -> Result<Option<&'a HeaderValue>, Refusal> {
        match self {
            Self::Absent => Ok(None),
            Self::Once(value) => Ok(Some(value)),
            Self::Repeated(_) => Err(refusal()),
        }
    }

    fn first(self) -> Option<&'a HeaderValue> {
        match self {
            Self::Absent => None,
            Self::Once(first) | Self::Repeated(first) => Some(first),
        }
    }
}

impl<'a> Head<'a> {
    /// The head of `request`.
    pub(crate) fn of(request: &'a Parts) -> Self {
        let nothing = Field::Absent;
        let mut head = Self {
            request,
            host: nothing,
            origin: nothing,
            authorization: nothing,
            api_key: nothing,
            session: nothing,
            method: nothing,
            protocol_version: nothing,
        };
        head.read(&request.headers);
        head
    }

    fn read(&mut self, headers: &'a HeaderMap) {
        for (name, value) in headers {
            let field = match name.as_str() {
                "host" => &mut self.host,
                "origin" => &mut self.origin,
                "authorization" => &mut self.authorization,
                "x-api-key" => &mut self.api_key,
                "mcp-session-id" => &mut self.session,
                "mcp-method" => &mut self.method,
                "mcp-protocol-version" => &mut self.protocol_version,
                _ => continue,
            };
            field.add(value);
        }
    }

    /// Whether the request belongs to the 2026-07-28 era of the protocol, by its version header.
    pub(crate) fn is_modern(&self) -> bool {
        let version = self.protocol_version.first().and_then(|value| value.to_str().ok());
        version.is_some_and(|version| version.len() == MODERN.len() && version >= MODERN)
    }
}

#[cfg(test)]
mod tests {
    use http::Request;
    use http::header::{AUTHORIZATION, HOST, ORIGIN};

    use super::*;
    use crate::modes::api_key;
    use crate::session::SESSION_ID;

    fn parts(fields: &[(HeaderName, &'static str)]) -> Parts {
        let mut request = Request::new(());
        for (name, value) in fields {
            request.headers_mut().append(name, HeaderValue::from_static(value));
        }
        request.into_parts().0
    }

    #[test]
    fn each_field_is_found_under_its_name_and_no_other() {
        let method = HeaderName::from_static("mcp-method");
        let names = [HOST, ORIGIN, AUTHORIZATION, api_key::HEADER, SESSION_ID, method, PROTOCOL_VERSION];
        for (place, name) in names.into_iter().enumerate() {
            let parts = parts(&[(HeaderName::from_static("accept"), "x"), (name.clone(), "value")]);
            let head = Head::of(&parts);
            let Head { host, origin, authorization, api_key, session, method, protocol_version, .. } = head;
            let fields = [host, origin, authorization, api_key, session, method, protocol_version];
            for (other, field) in fields.into_iter().enumerate() {
                let expected = if other == place { Field::Once(&parts.headers[&name]) } else { Field::Absent };
                assert_eq!(field, expected, "{name}");
            }
        }
    }

    #[test]
    fn whatever_stands_again_is_told_with_what_stood_first() {
        for times in 2..5 {
            let mut fields = vec![(HOST, "first")];
            fields.resize(times, (HOST, "another"));
            let parts = parts(&fields);
            assert_eq!(Head::of(&parts).host, Field::Repeated(&HeaderValue::from_static("first")));
        }
    }

    #[test]
    fn the_newer_era_begins_with_its_first_revision() {
        for (version, is_modern) in [
            ("2025-11-25", false),
            ("2026-07-27", false),
            ("2026-07-28", true),
            ("2027-01-01", true),
            ("2026-07-28x", false),
            ("zz", false),
        ] {
            assert_eq!(Head::of(&parts(&[(PROTOCOL_VERSION, version)])).is_modern(), is_modern, "{version}");
        }
        assert!(!Head::of(&parts(&[])).is_modern());
    }
}
