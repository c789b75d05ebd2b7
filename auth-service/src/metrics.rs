//! What the service counts. Owns the names of the metrics; every label has a bounded set of values.

use std::sync::Arc;

use actix_web::http::StatusCode;
use bailiwick_core::SubjectKind;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::crypto::pool::HashPool;
use crate::feed::Feed;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Status {
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    kind: &'static str,
}

/// The counters.
#[derive(Clone, Default)]
pub struct Metrics {
    token_requests: Family<Outcome, Counter>,
    authentications: Family<Outcome, Counter>,
    sign_ins: Family<Outcome, Counter>,
    feed_answers: Family<Status, Counter>,
}

impl Metrics {
    /// Counters that `registry` shows.
    pub fn registered(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register("bailiwick_token_requests", "Token requests by outcome", metrics.token_requests.clone());
        registry.register(
            "bailiwick_client_authentications",
            "Client authentications by outcome",
            metrics.authentications.clone(),
        );
        registry.register("bailiwick_sign_ins", "Attempts of people to sign in, by outcome", metrics.sign_ins.clone());
        registry.register(
            "bailiwick_feed_answers",
            "Answers of the revocation feed by status",
            metrics.feed_answers.clone(),
        );
        for status in [StatusCode::OK, StatusCode::UNAUTHORIZED, StatusCode::GONE, StatusCode::SERVICE_UNAVAILABLE] {
            // There from the start, so that a rate can be taken of the first one.
            drop(metrics.feed_answers.get_or_create(&Status { status: status.as_u16() }));
        }
        metrics
    }

    /// Counts a token request: `issued`, or the word of the error.
    pub fn token_request(&self, outcome: &'static str) {
        self.token_requests.get_or_create(&Outcome { outcome }).inc();
    }

    /// Counts an attempt to sign in.
    pub fn sign_in(&self, outcome: &'static str) {
        self.sign_ins.get_or_create(&Outcome { outcome }).inc();
    }

    /// Counts a client authentication.
    pub fn authentication(&self, outcome: &'static str) {
        self.authentications.get_or_create(&Outcome { outcome }).inc();
    }

    /// Counts an answer of the revocation feed.
    pub fn feed_answer(&self, status: StatusCode) {
        self.feed_answers.get_or_create(&Status { status: status.as_u16() }).inc();
    }
}

/// The feed's figures, read when somebody asks.
struct FeedCollector(Arc<Feed>);

impl std::fmt::Debug for FeedCollector {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("FeedCollector")
    }
}

/// Shows the figures of the revocation feed in `registry`.
pub fn register_feed(registry: &mut Registry, feed: Arc<Feed>) {
    registry.register_collector(Box::new(FeedCollector(feed)));
}

impl Collector for FeedCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let figures = [
            ("bailiwick_feed_position", "The latest position of the revocation feed", self.0.position()),
            ("bailiwick_feed_waiting", "Readers that wait for a revocation", self.0.waiting() as u64),
        ];
        for (name, help, value) in figures {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        let appended = ConstCounter::new(0_u64);
        let mut counters = encoder.encode_descriptor(
            "bailiwick_revocations",
            "Revocations that this process appended, by kind",
            None,
            appended.metric_type(),
        )?;
        for (kind, count) in self.0.storage().appended_revocations() {
            let kind = Kind { kind: SubjectKind::as_str(kind) };
            ConstCounter::new(count).encode(counters.encode_family(&kind)?)?;
        }
        Ok(())
    }
}

/// The hash pool's figures, read when somebody asks.
#[derive(Debug)]
struct HashPoolCollector(Arc<HashPool>);

/// Shows the figures of the hash pool in `registry`.
pub fn register_hash_pool(registry: &mut Registry, pool: Arc<HashPool>) {
    registry.register_collector(Box::new(HashPoolCollector(pool)));
}

impl Collector for HashPoolCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let figures = self.0.figures();
        let waiting = ConstGauge::new(i64::try_from(figures.waiting).unwrap_or(i64::MAX));
        let gauge = encoder.encode_descriptor(
            "bailiwick_hash_queue_jobs",
            "Secrets that wait to be verified",
            None,
            waiting.metric_type(),
        )?;
        waiting.encode(gauge)?;
        let counters = [
            ("bailiwick_hash_jobs", "Secrets that were verified by hashing", count(figures.done)),
            ("bailiwick_hash_jobs_refused", "Secrets that found the queue full", count(figures.refused)),
            ("bailiwick_hash_jobs_abandoned", "Secrets whose caller had gone", count(figures.abandoned)),
            ("bailiwick_hash_jobs_panicked", "Hashes that panicked: always 0, or a defect", count(figures.panicked)),
            ("bailiwick_hash_wait_seconds", "Time that secrets waited, in all", figures.waited.as_secs_f64()),
            ("bailiwick_hash_work_seconds", "Time that hashing took, in all", figures.worked.as_secs_f64()),
        ];
        for (name, help, value) in counters {
            let counter = ConstCounter::new(value);
            counter.encode(encoder.encode_descriptor(name, help, None, counter.metric_type())?)?;
        }
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "a double counts one by one up to nine quadrillion")]
fn count(jobs: u64) -> f64 {
    jobs as f64
}
