//! `demo`: everything at once with nothing installed. Invents a contact centre's customers, builds a snapshot of them
//! as any file is built, serves it beside a file of changes, and prints lines to paste.

mod countries;
mod dice;
mod folder;
mod history;
mod lines;
mod people;
mod phones;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;

use self::folder::DemoFolder;
use self::lines::Lines;
use self::people::People;
use super::arguments::DemoArguments;
use super::error::CliError;
use super::output::{self, Output, Style};
use super::{serve, words};
use crate::app::{self, Hangup};
use crate::config::{Config, Loaded};
use crate::customer::document::Limits;
use crate::intake::Intake;
use crate::number::Numbering;
use crate::snapshot::folder::Folder;
use crate::snapshot::import::{self, Format, Input, Mapping, Summary};
use crate::telemetry::{self, Log};

/// How the attributes of the invented customers are typed.
const MAPPING: &str = include_str!("demo/mapping.toml");

pub(super) fn run(arguments: &DemoArguments, out: &mut Output) -> Result<(), CliError> {
    if arguments.no_serve {
        let demo = Demo::build(arguments, out)?;
        return demo.lines(demo.addresses).print(false, out);
    }
    // Signals are heard from before anything is built, so that nothing stays behind.
    app::serve_until_told_to_stop(Hangup::Stop, || -> Result<_, CliError> {
        let demo = Demo::build(arguments, out)?;
        let running = serve::start(demo.loaded.clone(), demo.log.clone())?;
        let listener = serve::listener_address(&running, &demo.loaded.config).unwrap_or(demo.addresses.0);
        demo.lines((listener, running.admin_address())).print(true, out)?;
        out.styled(Style::Dim, "Ctrl-C ends it.")?;
        std::io::Write::flush(out)?;
        Ok((running, demo))
    })
}

/// A demonstration that is built.
struct Demo {
    folder: DemoFolder,
    loaded: Loaded,
    log: Log,
    people: People,
    /// Callers' and the administration's, as configured.
    addresses: (SocketAddr, SocketAddr),
}

impl Demo {
    fn build(arguments: &DemoArguments, out: &mut Output) -> Result<Demo, CliError> {
        let folder = DemoFolder::create(arguments)?;
        let addresses = (free_address(arguments.port), free_address(arguments.admin_port));
        let file = folder.write_config(addresses.0, addresses.1)?;
        // The file alone: an environment meant for another server must not lead the demonstration to its data.
        let loaded = Loaded::read(Some(&file), std::iter::empty())?;
        let config = &loaded.config;
        // The lines to paste should stand alone; what goes wrong is told all the same.
        let log = telemetry::init(&telemetry::Settings {
            level: "warn".to_owned(),
            ..config.log.clone()
        })?;
        let numbering = Numbering::new(&config.numbers)?;
        let people = people::invent(arguments.customers, &numbering).ok_or(CliError::NoPeople)?;
        folder.write("mapping.toml", MAPPING.as_bytes())?;
        folder.write("changes.ndjson", b"")?;
        let customers = folder.write_documents(&people.documents)?;
        let summary = import(&folder, config, numbering, &customers)?;
        let built = format!("Built {}", words::counted(summary.customers, "customer"));
        let where_to = format!(
            " in {} countries with {} in {:.1} s: {}",
            people.countries,
            words::counted(summary.numbers, "number"),
            summary.seconds,
            summary.path.display()
        );
        out.pieces(&[(Style::Bold, &built), (Style::Plain, &where_to)])?;
        Ok(Demo {
            folder,
            loaded,
            log,
            people,
            addresses,
        })
    }

    fn lines(&self, addresses: (SocketAddr, SocketAddr)) -> Lines {
        Lines::new(&self.people, self.folder.dir(), addresses)
    }
}

/// Builds the snapshot as any file's is built. The folder's lock is free again afterwards, for the server.
fn import(
    folder: &DemoFolder,
    config: &Config,
    numbering: Numbering,
    customers: &Path,
) -> Result<Summary, CliError> {
    let limits = Limits {
        cases: config.customer.cases,
        interactions: config.customer.interactions,
    };
    let mapping = Mapping::parse(MAPPING).map_err(|source| CliError::Mapping {
        path: folder.path("mapping.toml"),
        source,
    })?;
    let failed = |source| CliError::Import {
        path: customers.to_owned(),
        source,
    };
    let input = Input::open(customers, Format::Ndjson).map_err(failed)?;
    let held = Folder::hold(Folder::of_tenant(&config.data.dir).dir())?;
    let intake = Intake::new(numbering, limits).finding_by(&config.customer.id_attributes);
    import::build_and_publish(
        input,
        &mapping,
        &intake,
        &held,
        words::now_ms(),
        config.import.memory_mib << 20,
        |_| {},
    )
    .map_err(failed)
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
