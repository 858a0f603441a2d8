//! What operators see: the log and the metrics.

use std::sync::OnceLock;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, Settings};

/// Bounds of the buckets of everything that is measured in seconds.
const SECONDS: &[f64] =
    &[0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Bounds of the buckets of the number of events in a batch.
const EVENTS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0];

/// What PostgreSQL says of tables that it need not make again, at every start, helps nobody.
const QUIET: &str = "sqlx::postgres::notice=off";

/// Starts to log to stderr.
///
/// # Errors
/// When the filter can't be understood.
pub fn start_log(settings: &Settings) -> Result<(), String> {
    let filter = EnvFilter::try_new(format!("{},{QUIET}", settings.log))
        .map_err(|error| format!("COUNTERSIGN_LOG: `{}` is no filter: {error}", settings.log))?;
    let log =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    match settings.log_format {
        LogFormat::Text => log.with_ansi(false).init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
    Ok(())
}

/// The metrics of this process.
///
/// # Panics
/// Never: the buckets are not empty, and only this function installs a recorder.
pub fn metrics() -> PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    let install = || {
        PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), SECONDS)
            .and_then(|builder| builder.set_buckets_for_metric(Matcher::Suffix("_events".into()), EVENTS))
            .and_then(PrometheusBuilder::install_recorder)
            .expect("the buckets are not empty and this is the only recorder")
    };
    HANDLE.get_or_init(install).clone()
}
