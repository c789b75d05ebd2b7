//! The record of each decision: one log line and one count, from the same words. Owns their form;
//! never sees a token.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::time::Instant;

use bailiwick_core::{InvalidToken, Scope, ServerName, ToolName, Tools};
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use crate::client_uses::ClientUses;
use crate::message::RequestId;
use crate::method;
use crate::mode::Mode;
use crate::principal::Principal;
use crate::refusal::Refusal;
use crate::revocations::Measured;

/// What one request was about, as far as it has been read.
pub(crate) struct Record<'a> {
    began: Instant,
    /// The method; `none` until the body is read.
    pub(crate) method: Cow<'static, str>,
    /// The tool that is called.
    pub(crate) tool: ToolLabel,
    /// The caller.
    pub(crate) principal: Option<Cow<'a, Principal>>,
    /// The request's own `id`.
    pub(crate) request_id: Option<RequestId>,
}

impl Record<'_> {
    /// Nothing is known yet; the clock of the duration starts.
    pub(crate) fn begin() -> Self {
        Self {
            began: Instant::now(),
            method: Cow::Borrowed("none"),
            tool: ToolLabel::None,
            principal: None,
            request_id: None,
        }
    }
}

/// A tool in records: of those that the server has, and no caller's invention.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ToolLabel {
    /// No tool is called.
    None,
    /// A tool that the server does not have.
    Other,
    /// A tool of the server.
    Known(ToolName),
}

impl ToolLabel {
    fn as_str(&self) -> &str {
        match self {
            Self::None => "none",
            Self::Other => "other",
            Self::Known(name) => name.as_str(),
        }
    }
}

impl EncodeLabelValue for ToolLabel {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        self.as_str().encode(encoder)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    method: Cow<'static, str>,
    tool: ToolLabel,
    decision: &'static str,
    reason: &'static str,
}

/// The decision that a request goes on to the server.
const ALLOW: &str = "allow";
/// The decision that it does not.
const DENY: &str = "deny";
/// The reason of [`ALLOW`].
const ALLOWED: &str = "allowed";

/// What is told of some decisions beyond the reason.
#[derive(Default)]
struct Outcome<'a> {
    detail: Option<&'a InvalidToken>,
    needed: Option<&'a Scope>,
    /// The mode in which somebody was not believed.
    mode: Option<Mode>,
}

/// What a request waits for after its record.
pub(crate) type Written = Box<dyn Fn() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// The target of the records, by which a log tells them from whatever else is told.
pub const RECORDS: &str = "bailiwick_guard::decision";

/// Writes the records of one server.
pub(crate) struct Recorder {
    server: ServerName,
    decisions: Family<Labels, Counter>,
    /// Of the decisions, the calls of each tool that were allowed: the most, which need not be looked for.
    calls: BTreeMap<ToolName, Counter>,
    written: Option<Written>,
}

impl Recorder {
    /// A recorder whose counts are in `registry`, if one is given, as
    /// `bailiwick_guard_decisions_total{server, method, tool, decision, reason}`, and what is measured of
    /// revocations beside them. The allowed calls of each of `tools` are there from the first day, as none.
    pub(crate) fn new(
        tools: &Tools,
        registry: Option<&mut Registry>,
        revocations: Measured,
        uses: ClientUses,
        written: Option<Written>,
    ) -> Self {
        let server = tools.server();
        let decisions = Family::default();
        if let Some(registry) = registry {
            let registry = registry.sub_registry_with_label(("server".into(), server.to_string().into()));
            registry.register(
                "bailiwick_guard_decisions",
                "Requests that the guard allowed or denied",
                decisions.clone(),
            );
            registry.register_collector(Box::new(revocations));
            registry.register_collector(Box::new(uses));
        }
        let calls = tools.iter().map(|tool| {
            let labels = Labels {
                method: method::CALL.into(),
                tool: ToolLabel::Known(tool.name.clone()),
                decision: ALLOW,
                reason: ALLOWED,
            };
            (tool.name.clone(), decisions.get_or_create_owned(&labels))
        });
        Self { server: server.clone(), calls: calls.collect(), decisions, written }
    }

    /// Records that the request goes on to the server, which it may once this has ended.
    pub(crate) async fn allowed(&self, record: &Record<'_>) {
        let call = match &record.tool {
            ToolLabel::Known(name) => self.calls.get(name),
            ToolLabel::None | ToolLabel::Other => None,
        };
        match call {
            Some(call) => _ = call.inc(),
            None => self.count(record, ALLOW, ALLOWED),
        }
        self.tell(record, ALLOW, ALLOWED, Outcome::default());
        self.written().await;
    }

    /// Records that it does not, and the full reason.
    pub(crate) async fn denied(&self, record: &Record<'_>, refusal: &Refusal) {
        let outcome = match refusal {
            Refusal::InvalidToken(error) => Outcome { detail: Some(error), ..Outcome::default() },
            Refusal::InsufficientScope(needed) => Outcome { needed: Some(needed), ..Outcome::default() },
            Refusal::WrongCredentials(mode) => Outcome { mode: Some(*mode), ..Outcome::default() },
            _ => Outcome::default(),
        };
        self.count(record, DENY, refusal.reason());
        self.tell(record, DENY, refusal.reason(), outcome);
        self.written().await;
    }

    async fn written(&self) {
        if let Some(written) = &self.written {
            written().await;
        }
    }

    fn count(&self, record: &Record<'_>, decision: &'static str, reason: &'static str) {
        let labels = Labels { method: record.method.clone(), tool: record.tool.clone(), decision, reason };
        self.decisions.get_or_create(&labels).inc();
    }

    fn tell(
        &self,
        record: &Record<'_>,
        decision: &'static str,
        reason: &'static str,
        Outcome { detail, needed, mode }: Outcome<'_>,
    ) {
        let principal = record.principal.as_deref();
        tracing::info!(
            target: RECORDS,
            decision,
            reason,
            server = self.server.as_str(),
            method = &*record.method,
            tool = record.tool.as_str(),
            sub = principal.map(Principal::subject),
            client_id = principal.map(|principal| principal.client_id().as_str()),
            jti = principal.map(|principal| principal.token_id().as_str()),
            mode = principal.map(Principal::mode).or(mode).map(Mode::as_str),
            needed = needed.map(tracing::field::display),
            detail = detail.map(tracing::field::debug),
            duration_us = u64::try_from(record.began.elapsed().as_micros()).unwrap_or(u64::MAX),
        );
    }
}
