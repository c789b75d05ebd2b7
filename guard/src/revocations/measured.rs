//! The numbers of hearing, read when they are asked for. Owns their names.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use super::Revocations;

/// What is measured of a guard that hears revocations, or does not.
#[derive(Debug)]
pub(crate) struct Measured(pub(crate) Option<Arc<Revocations>>);

impl Collector for Measured {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let revocations = self.0.as_deref();
        let heard = revocations.map(|revocations| *revocations.heard.borrow()).unwrap_or_default();
        let live = revocations.map_or(0, |revocations| revocations.table.live());
        let failures = revocations.map_or(0, |revocations| revocations.failures.get());
        let age = heard.answered.map_or(f64::NAN, |answered| answered.elapsed().as_secs_f64());
        let mut write = |name: &str, help: &str, metric: &dyn Written| metric.write(&mut encoder, name, help);
        write(
            "position",
            "Position up to which the revocation feed is heard",
            &ConstGauge::new(number(heard.position)),
        )?;
        write("live", "Revocations that are held", &ConstGauge::new(number(live)))?;
        write("answer_age_seconds", "Age of the feed's last answer; NaN where there was none", &ConstGauge::new(age))?;
        write("failures", "Times that the feed was not heard and asked again", &ConstCounter::new(failures))
    }
}

/// A number as metrics hold it.
fn number(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

/// A metric under its name.
trait Written {
    fn write(&self, encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str) -> Result<(), fmt::Error>;
}

impl<M: EncodeMetric> Written for M {
    fn write(&self, encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str) -> Result<(), fmt::Error> {
        let name = format!("bailiwick_guard_revocations_{name}");
        self.encode(encoder.encode_descriptor(&name, help, None, self.metric_type())?)
    }
}
