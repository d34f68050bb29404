//! A lookup in a snapshot, without a server: the same dialect over a contact centre made for the moment.

use std::sync::Arc;

use bytes::BytesMut;

use crate::app::{AppError, sources};
use crate::callers::{Call, Meters, Native, Source};
use crate::cli::error::CliError;
use crate::config::Config;
use crate::index::Index;
use crate::metrics::Metrics;
use crate::number::Numbering;
use crate::replica::Freshness;
use crate::snapshot::MappedSnapshot;
use crate::snapshot::folder::TENANT;
use crate::tenant::Tenant;

/// The native answer to `query`, the parameters of a lookup.
pub(super) fn answer(
    snapshot: Arc<MappedSnapshot>,
    query: &str,
    numbering: &Numbering,
    config: &Config,
) -> Result<BytesMut, CliError> {
    let (index, _writer) = Index::new(snapshot, sources::phones(config, numbering));
    let metrics = Metrics::new().map_err(AppError::from)?;
    let tenant = Arc::new(Tenant {
        name: TENANT.to_owned(),
        index,
        freshness: Arc::new(Freshness::without_feed()),
    });
    let meters = Arc::new(Meters::register(&metrics).map_err(AppError::from)?);
    let source = Source {
        numbering: numbering.clone(),
        ..sources::sources(config, &tenant, &meters)?.any
    };
    let call = Call {
        path: "/v1/lookup",
        query,
        ..Call::default()
    };
    let mut body = BytesMut::new();
    Native::new(source, 1).answer(&call, &mut body);
    Ok(body)
}
