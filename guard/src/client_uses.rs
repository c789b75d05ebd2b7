//! When the clients that a server knows by itself were last of use, as a metric. Owns its name.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::local_clients::Directory;

/// Reads the uses when it is asked for them.
pub(crate) struct ClientUses(pub(crate) Arc<Directory>);

impl fmt::Debug for ClientUses {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ClientUses")
    }
}

impl Collector for ClientUses {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let used: Vec<_> = self.0.uses().into_iter().filter_map(|(id, used)| Some((id, used?))).collect();
        if used.is_empty() {
            return Ok(());
        }
        let mut metric: MetricEncoder<'_> = encoder.encode_descriptor(
            "bailiwick_guard_client_last_used_timestamp_seconds",
            "When a client that this server knows by itself last proved who it is, in seconds since 1970",
            None,
            MetricType::Gauge,
        )?;
        for (client_id, used) in used {
            let labels = [("client_id", client_id.as_str())];
            ConstGauge::new(used.0).encode(metric.encode_family(&labels)?)?;
        }
        Ok(())
    }
}
