//! Every way in which the guard says no: one variant each, one stable reason for the records, one
//! answer over HTTP. Owns the status and the words of refusals; what is challenged with is
//! [`crate::challenge`]'s.

use std::time::Duration;

use bailiwick_core::{InvalidToken, Scope};

use crate::message::{NotAMessage, RequestId};
use crate::mode::Mode;

/// Why a request goes no further. The order is that of the checks.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// No `Host`, or not a readable one.
    HostMissing,
    /// A `Host` that is not this server's (DNS rebinding).
    HostForeign,
    /// An `Origin` that is not allowed (MCP 2026-07-28, streamable HTTP, security).
    OriginForeign,
    /// No credentials of a mode that is on.
    NoToken,
    /// A malformed authorization request (RFC 6750 section 3.1).
    InvalidRequest(&'static str),
    /// The token is not accepted.
    InvalidToken(InvalidToken),
    /// The secret is nobody's, or not the named client's, or its client has ended: equal answers.
    WrongCredentials(Mode),
    /// Credentials were wrong too often; when another failure is looked at again.
    TooManyFailures(Duration),
    /// No usable key, so nothing can be said of any token.
    KeysUnavailable,
    /// What was taken back is not known, so nothing can be said of any token.
    RevocationsUnknown,
    /// A session of another caller, or none at all: equal answers.
    UnknownSession,
    /// An HTTP method that the transport does not have; those that it has.
    HttpMethod(&'static str),
    /// The body has more than [`crate::LARGEST_BODY`] bytes.
    TooLarge,
    /// The body broke off.
    BodyUnread,
    /// The body did not come in time.
    BodyTooSlow,
    /// The body is not one JSON-RPC message.
    NotAMessage(NotAMessage),
    /// `Mcp-Method` is missing or not the message's (MCP 2026-07-28, streamable HTTP, headers).
    HeaderMismatch(Option<RequestId>),
    /// A method that nobody declared.
    Undeclared(Option<RequestId>),
    /// `tools/call` without a tool's name.
    NoToolName(Option<RequestId>),
    /// A tool that the server does not have.
    UnknownTool(Option<RequestId>),
    /// The token lacks this scope.
    InsufficientScope(Scope),
    /// The caller has called tools too often; when it may call again.
    TooManyCalls(Duration),
    /// The caller has [`crate::MOST_IN_HAND_OF_ONE`] requests in hand.
    TooManyInHand,
    /// All callers together have [`crate::MOST_IN_HAND`].
    Busy,
}

impl Refusal {
    /// The stable word for logs, metrics and records.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::HostMissing => "host_missing",
            Self::HostForeign => "host_not_allowed",
            Self::OriginForeign => "origin_not_allowed",
            Self::NoToken => "token_missing",
            Self::InvalidRequest(_) => "invalid_request",
            Self::InvalidToken(error) => error.reason(),
            Self::WrongCredentials(_) => "credentials_wrong",
            Self::TooManyFailures(_) => "too_many_failures",
            Self::KeysUnavailable => "keys_unavailable",
            Self::RevocationsUnknown => "revocations_unknown",
            Self::UnknownSession => "unknown_session",
            Self::HttpMethod(_) => "http_method",
            Self::TooLarge => "body_too_large",
            Self::BodyUnread => "body_unread",
            Self::BodyTooSlow => "body_too_slow",
            Self::NotAMessage(NotAMessage::NotJson) => "not_json",
            Self::NotAMessage(NotAMessage::Batch) => "batch",
            Self::NotAMessage(NotAMessage::NotJsonRpc) => "not_json_rpc",
            Self::NotAMessage(NotAMessage::TooManyValues) => "too_many_values",
            Self::HeaderMismatch(_) => "header_mismatch",
            Self::Undeclared(_) => "undeclared_method",
            Self::NoToolName(_) => "tool_name_missing",
            Self::UnknownTool(_) => "unknown_tool",
            Self::InsufficientScope(_) => "insufficient_scope",
            Self::TooManyCalls(_) => "too_many_calls",
            Self::TooManyInHand => "too_many_in_hand",
            Self::Busy => "busy",
        }
    }
}
