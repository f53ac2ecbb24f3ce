//! Metrics in the text format of Prometheus.

use detector_components::timing::Histogram;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, prometheus_text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

/// The type of what is written, for HTTP.
pub use prometheus_client::encoding::prometheus_text::CONTENT_TYPE;

/// What tells the samples of a metric apart.
pub type Labels = Vec<(&'static str, String)>;

/// Every metric at one moment, in the order in which it is told.
#[derive(Clone, Debug, Default)]
pub struct Metrics(Vec<Metric>);

#[derive(Clone, Debug)]
struct Metric {
    /// Without `_total`, which a counter gets.
    name: &'static str,
    help: &'static str,
    kind: MetricType,
    samples: Vec<(Labels, Sample)>,
}

#[derive(Clone, Debug)]
enum Sample {
    Counter(u64),
    Gauge(f64),
    Histogram(Histogram),
}

impl Metrics {
    /// Adds something that only grows.
    pub fn counter(
        &mut self,
        name: &'static str,
        help: &'static str,
        samples: impl IntoIterator<Item = (Labels, u64)>,
    ) {
        let sample = |(labels, value)| (labels, Sample::Counter(value));
        self.add(name, help, MetricType::Counter, samples.into_iter().map(sample).collect());
    }

    /// Adds something that goes up and down.
    pub fn gauge(
        &mut self,
        name: &'static str,
        help: &'static str,
        samples: impl IntoIterator<Item = (Labels, f64)>,
    ) {
        let sample = |(labels, value)| (labels, Sample::Gauge(value));
        self.add(name, help, MetricType::Gauge, samples.into_iter().map(sample).collect());
    }

    /// Adds something that is spread.
    pub fn histogram(
        &mut self,
        name: &'static str,
        help: &'static str,
        samples: impl IntoIterator<Item = (Labels, Histogram)>,
    ) {
        let sample = |(labels, value)| (labels, Sample::Histogram(value));
        self.add(name, help, MetricType::Histogram, samples.into_iter().map(sample).collect());
    }

    fn add(
        &mut self,
        name: &'static str,
        help: &'static str,
        kind: MetricType,
        samples: Vec<(Labels, Sample)>,
    ) {
        self.0.push(Metric { name, help, kind, samples });
    }

    /// Writes it all.
    pub fn text(&self) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self.clone()));
        let mut text = String::new();
        prometheus_text::encode(&mut text, &registry).expect("a text takes whatever is written");
        text
    }
}

impl Collector for Metrics {
    fn encode(&self, mut encoder: DescriptorEncoder) -> std::fmt::Result {
        for Metric { name, help, kind, samples } in &self.0 {
            let mut metric = encoder.encode_descriptor(name, help, None, *kind)?;
            for (labels, sample) in samples {
                if labels.is_empty() {
                    sample.encode(&mut metric)?;
                } else {
                    sample.encode(&mut metric.encode_family(labels)?)?;
                }
            }
        }
        Ok(())
    }
}

impl Sample {
    fn encode(&self, encoder: &mut MetricEncoder) -> std::fmt::Result {
        match self {
            Self::Counter(count) => encoder.encode_counter::<NoLabelSet, _, f64>(count, None),
            Self::Gauge(value) => encoder.encode_gauge(value),
            Self::Histogram(Histogram { sum, count, buckets }) => {
                encoder.encode_histogram::<NoLabelSet>(*sum, *count, buckets, None)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_written_as_prometheus_reads_them() {
        let mut metrics = Metrics::default();
        let camera = |name: &str| vec![("camera", name.to_owned())];
        metrics.counter("frames", "Frames", [(camera("a"), 3), (camera("b\"\n"), 4)]);
        metrics.gauge("clients", "Clients", [(vec![], 1.5)]);
        let buckets = vec![(0.1, 2), (f64::INFINITY, 1)];
        let took = Histogram { sum: 1.25, count: 3, buckets };
        metrics.histogram("took_seconds", "Time", [(camera("a"), took)]);
        metrics.counter("nothing", "Nothing yet", []);
        assert_eq!(
            metrics.text(),
            "# HELP frames_total Frames\n\
             # TYPE frames_total counter\n\
             frames_total{camera=\"a\"} 3\n\
             frames_total{camera=\"b\\\"\\n\"} 4\n\
             # HELP clients Clients\n\
             # TYPE clients gauge\n\
             clients 1.5\n\
             # HELP took_seconds Time\n\
             # TYPE took_seconds histogram\n\
             took_seconds_bucket{camera=\"a\",le=\"0.1\"} 2\n\
             took_seconds_bucket{camera=\"a\",le=\"+Inf\"} 3\n\
             took_seconds_sum{camera=\"a\"} 1.25\n\
             took_seconds_count{camera=\"a\"} 3\n\
             # HELP nothing_total Nothing yet\n\
             # TYPE nothing_total counter\n"
        );
    }
}
