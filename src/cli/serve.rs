//! `serve`: the service, and the administration's page that explains.

use std::net::SocketAddr;
use std::sync::Arc;

use percent_encoding::percent_decode_str;

use super::arguments::ServeArguments;
use super::error::CliError;
use super::output::Output;
use crate::app::{self, App, Running};
use crate::callers::Call;
use crate::callers::explain::Explanation;
use crate::config::{Config, environment};
use crate::http::Page;
use crate::number::{self, Region};
use crate::telemetry;
use crate::tenant::Tenant;

pub(super) fn run(arguments: &ServeArguments, out: &mut Output) -> Result<(), CliError> {
    let config = Config::load(arguments.config.file.as_deref(), environment())?;
    telemetry::init(&config.log)?;
    let running = app::until_told_to_stop(|| -> Result<Running, CliError> {
        let running = start(&config)?;
        // Whoever started the service with its output closed wants it to serve all the same.
        let _ = announce(&running, out);
        Ok(running)
    })?;
    running.drain();
    Ok(())
}

/// Starts the service that `config` describes.
pub(super) fn start(config: &Config) -> Result<Running, CliError> {
    let app = App::build(config, |tenant| {
        let tenant = Arc::clone(tenant);
        Some(Box::new(move |call: &Call<'_>| explain_page(&tenant, call)))
    })?;
    Ok(app.spawn()?)
}

fn announce(running: &Running, out: &mut Output) -> std::io::Result<()> {
    for address in running.addresses() {
        out.line(format_args!("listening on {address}"))?;
    }
    out.line(format_args!(
        "administration on http://{}",
        running.admin_address()
    ))?;
    std::io::Write::flush(out)
}

/// The address that a person on this machine reaches the first TCP listener by.
pub(super) fn listener_address(running: &Running, config: &Config) -> Option<SocketAddr> {
    config.listener.keys().find_map(|name| running.address(name))
}

/// `GET /explain?ani=…&region=…`.
fn explain_page(tenant: &Tenant, call: &Call<'_>) -> Option<Page> {
    if call.trimmed_path() != "/explain" || !call.is_get() {
        return None;
    }
    let (mut ani, mut region) = (None, None);
    for (key, value) in call.query.split('&').filter_map(|pair| pair.split_once('=')) {
        match key {
            "ani" => ani = Some(number::from_query(value)),
            "region" => {
                region = Some(percent_decode_str(value).decode_utf8_lossy()).filter(|text| !text.is_empty())
            }
            _ => {}
        }
    }
    let Some(ani) = ani else {
        return Some(refused("ani", "expected a parameter `ani`, found none"));
    };
    if let Some(Err(unknown)) = region.as_deref().map(str::parse::<Region>) {
        return Some(refused("region", &unknown.to_string()));
    }
    let index = &tenant.index;
    let explanation = index.read(|view| {
        let streams = view.snapshot().streams();
        let (numbering, ownership) = (&tenant.numbering, index.ownership());
        Explanation::of(&ani, region.as_deref(), numbering, view, ownership, streams)
    });
    Some(page(200, &serde_json::json!(explanation)))
}

fn refused(field: &str, message: &str) -> Page {
    let error = serde_json::json!({"error": {"code": "parameter", "message": message, "field": field}});
    page(400, &error)
}

fn page(status: u16, body: &serde_json::Value) -> Page {
    Page {
        status,
        content_type: "application/json",
        body: body.to_string().into_bytes(),
    }
}
