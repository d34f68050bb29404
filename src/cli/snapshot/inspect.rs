//! `snapshot inspect`: what a snapshot holds, and how big its parts are.

use serde::Serialize;

use crate::cli::arguments::PathArguments;
use crate::cli::error::CliError;
use crate::cli::output::{Output, Style};
use crate::cli::words;
use crate::customer::AttributeDef;
use crate::snapshot::layout::{Header, SectionKind};
use crate::snapshot::{MappedSnapshot, Stream};

#[derive(Debug, Serialize)]
struct Inspected<'a> {
    path: String,
    format_version: u32,
    generation: u64,
    seq: u64,
    created_at_ms: i64,
    bytes: u64,
    customers: u64,
    numbers: u64,
    /// Ids that other systems have for customers, by which they are found.
    other_ids: u64,
    claims: u64,
    contested: u64,
    sections: Vec<SectionSize>,
    schema_version: u32,
    attributes: &'a [AttributeDef],
    streams: &'a [Stream],
}

#[derive(Debug, Serialize)]
struct SectionSize {
    section: &'static str,
    offset: u64,
    bytes: u64,
    xxh3: String,
}

pub(in crate::cli) fn run(arguments: &PathArguments, out: &mut Output) -> Result<(), CliError> {
    let (path, snapshot) = super::open(&arguments.path)?;
    let inspected = inspect(path.display().to_string(), &snapshot);
    if arguments.json {
        serde_json::to_writer(&mut *out, &inspected)?;
        return Ok(out.line("")?);
    }
    print(&inspected, snapshot.header(), out)
}

fn inspect(path: String, snapshot: &MappedSnapshot) -> Inspected<'_> {
    let header = snapshot.header();
    let present = |kind: &SectionKind| header.has(*kind);
    let sections = SectionKind::ALL.into_iter().filter(present).map(|kind| {
        let section = header.section(kind);
        SectionSize {
            section: kind.name(),
            offset: section.offset,
            bytes: section.length,
            xxh3: format!("{:016x}", section.xxh3),
        }
    });
    Inspected {
        path,
        format_version: header.format_version,
        generation: header.generation,
        seq: header.seq,
        created_at_ms: header.created_at_ms,
        bytes: header.file_length,
        customers: header.customers,
        numbers: header.numbers,
        other_ids: header.attributes,
        claims: header.claims,
        contested: header.contested,
        sections: sections.collect(),
        schema_version: snapshot.schema().version,
        attributes: &snapshot.schema().attributes,
        streams: snapshot.streams(),
    }
}

fn print(inspected: &Inspected<'_>, header: &Header, out: &mut Output) -> Result<(), CliError> {
    let title = format!("Snapshot {}", inspected.generation);
    let path = format!(", {}", inspected.path);
    out.pieces(&[(Style::Bold, &title), (Style::Plain, &path)])?;
    let mut facts = vec![
        ("made", words::moment(inspected.created_at_ms)),
        ("seq", words::count(inspected.seq)),
        ("format", format!("version {}", inspected.format_version)),
        ("customers", words::count(inspected.customers)),
        ("numbers", words::count(inspected.numbers)),
        ("claims", words::count(inspected.claims)),
        (
            "contested",
            format!(
                "{}, claimed by several customers",
                words::count(inspected.contested)
            ),
        ),
        ("size", words::bytes(inspected.bytes)),
    ];
    if inspected.other_ids > 0 {
        facts.insert(5, ("other ids", words::count(inspected.other_ids)));
    }
    out.table(&facts)?;
    out.gap()?;
    out.line("Sections")?;
    out.line(format_args!(
        "  {:<10} {:>15} {:>12} {:>12}",
        "", "bytes", "a customer", "a number"
    ))?;
    for section in &inspected.sections {
        out.line(format_args!(
            "  {:<10} {:>15} {:>12} {:>12}",
            section.section,
            words::count(section.bytes),
            words::each(section.bytes, header.customers),
            words::each(section.bytes, header.numbers),
        ))?;
    }
    out.line(format_args!(
        "  {:<10} {:>15} {:>12} {:>12}",
        "whole file",
        words::count(inspected.bytes),
        words::each(inspected.bytes, header.customers),
        words::each(inspected.bytes, header.numbers),
    ))?;
    out.gap()?;
    out.line(format_args!("Schema, version {}", inspected.schema_version))?;
    let attributes: Vec<(&str, String)> = inspected
        .attributes
        .iter()
        .map(|attribute| (attribute.key.as_str(), described(attribute)))
        .collect();
    if attributes.is_empty() {
        out.line("  no attributes")?;
    }
    out.table(&attributes)?;
    out.gap()?;
    out.line("Streams")?;
    for stream in inspected.streams {
        let resumes = match stream.token.as_str() {
            "" => "nothing to resume".to_owned(),
            token => format!("resumes at {token}"),
        };
        out.line(format_args!(
            "  {}, incarnation {}, {resumes}",
            stream.stream, stream.incarnation
        ))?;
    }
    Ok(())
}

fn described(attribute: &AttributeDef) -> String {
    let mut text = attribute.kind.name().to_owned();
    for (holds, word) in [
        (attribute.required, ", required"),
        (attribute.sensitive, ", sensitive"),
    ] {
        if holds {
            text.push_str(word);
        }
    }
    if attribute.label != attribute.key {
        text.push_str(&format!(", {:?}", attribute.label));
    }
    text
}
