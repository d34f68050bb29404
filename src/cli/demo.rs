//! `demo`: everything at once with nothing installed. Invents a contact centre's customers, builds a snapshot of them
//! as any file is built, serves it beside a file of changes, and prints lines to paste.

mod countries;
mod dice;
mod folder;
mod history;
mod lines;
mod people;
mod phones;
mod program;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use self::folder::DemoFolder;
use self::lines::Lines;
use super::arguments::DemoArguments;
use super::error::CliError;
use super::output::{self, Output, Style};
use super::{serve, words};
use crate::config::Config;
use crate::customer::document::Limits;
use crate::intake::Intake;
use crate::number::Numbering;
use crate::snapshot::folder::Folder;
use crate::snapshot::import::{self, Format, Input, Mapping};

/// How the attributes of the invented customers are typed.
const MAPPING: &str = include_str!("demo/mapping.toml");

pub(super) fn run(arguments: &DemoArguments, out: &mut Output) -> Result<(), CliError> {
    let folder = DemoFolder::create(arguments)?;
    let listener = free_address(arguments.port);
    let admin = free_address(arguments.admin_port);
    let file = folder.write_config(listener, admin)?;
    // The file alone: an environment meant for another server must not lead the demonstration to its data.
    let config = Config::load(Some(&file), std::iter::empty())?;
    let numbering = Numbering::new(&config.numbers)?;
    let people = people::invent(arguments.customers, &numbering).ok_or(CliError::NoPeople)?;
    folder.write("mapping.toml", MAPPING.as_bytes())?;
    folder.write("changes.ndjson", b"")?;
    let customers = folder.write_documents(&people.documents)?;

    let limits = Limits {
        cases: config.customer.cases,
        interactions: config.customer.interactions,
    };
    let mapping = Mapping::parse(MAPPING).map_err(|source| CliError::Mapping {
        path: folder.path("mapping.toml"),
        source,
    })?;
    let failed = |source| CliError::Import {
        path: customers.clone(),
        source,
    };
    let held = Folder::hold(Folder::of_tenant(&config.data.dir).dir())?;
    let summary = import::build(
        Input::open(&customers, Format::Ndjson).map_err(failed)?,
        &mapping,
        &Intake::new(numbering, limits),
        &held,
        words::now_ms(),
        |_| {},
    )
    .map_err(failed)?;
    // The server takes the folder's lock for itself.
    drop(held);

    let built = out.styled(
        Style::Bold,
        format!("Built {}", words::counted(summary.customers, "customer")),
    );
    out.line(format_args!(
        "{built} in {} countries with {} in {:.1} s: {}",
        people.countries,
        words::counted(summary.numbers, "number"),
        summary.seconds,
        summary.path.display()
    ))?;
    let addresses = (listener, admin);
    let lines = Lines::new(&people, folder.dir(), addresses);
    if arguments.no_serve {
        lines.print(out)?;
        return Ok(());
    }
    serve::serve(config, |bound| {
        let addresses = (bound.listener.unwrap_or(addresses.0), bound.admin);
        lines.at(addresses).print(out)?;
        out.line(out.styled(Style::Dim, "Ctrl-C ends it."))?;
        Ok(std::io::Write::flush(out)?)
    })
}

/// `port` on this machine; a free one where somebody has it already.
fn free_address(port: u16) -> SocketAddr {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    match TcpListener::bind(address) {
        Ok(_) => address,
        Err(error) => {
            output::note(format_args!(
                "port {port} cannot be had ({error}): taking a free one"
            ));
            SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
        }
    }
}
