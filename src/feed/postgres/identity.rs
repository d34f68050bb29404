//! Which life of the stream a place belongs to, and whether one can go on from it.

use std::fmt::Write;

use pgwire_replication::Lsn;
use xxhash_rust::xxh3::xxh3_64;

use super::facts::{Facts, Publication, Table, Target};
use super::settings::Settings;
use super::wanted::Wanted;
use crate::feed::mapping::Mapping;
use crate::feed::source::{Life, Standing};

/// A table, a column or a publication that is another one now makes everything that was copied another thing: values may
/// have changed without a word in the stream.
pub(super) fn fingerprint(
    facts: &Facts,
    publication: &Publication,
    settings: &Settings,
    mapping: &Mapping,
) -> u64 {
    let mut text = format!(
        "{:016x} {:?} {:?} {:?}",
        mapping.fingerprint(),
        facts.server.database,
        settings.slot,
        publication.version
    );
    for (target, table) in &facts.tables {
        let Some(table) = table else { continue };
        let named = publication.named.get(&table.oid).map(|named| &named.version);
        let columns: Vec<_> = read_columns(publication, table, target, mapping)
            .map(|column| (&column.name, column.number, column.type_oid))
            .collect();
        // Writing to a text does not fail.
        let _written = write!(text, " {} {named:?} {columns:?}", table.oid);
    }
    xxh3_64(text.as_bytes())
}

/// The columns of a table that arrive and are read.
pub(super) fn read_columns<'a>(
    publication: &'a Publication,
    table: &'a Table,
    target: &Target,
    mapping: &Mapping,
) -> impl Iterator<Item = &'a super::facts::Column> {
    let wanted = Wanted::new(mapping, target.entity);
    publication
        .delivers(table)
        .filter(move |column| wanted.takes(&column.name))
}

/// The life that a copy begins whose slot begins at `from`.
pub(super) fn begin(facts: &Facts, from: Lsn, fingerprint: u64) -> Life {
    let server = &facts.server;
    Life {
        incarnation: format!(
            "{}.{:x}.{:x}.{fingerprint:016x}",
            server.system, server.timeline, from.0
        ),
        token: from.to_string(),
    }
}

/// Where one can go on, as of `facts`, when these lives are known.
pub(super) fn standing(facts: &Facts, known: &[Life], fingerprint: Option<u64>, slot: &str) -> Standing {
    let copy = |why: String| Standing::Copy { why };
    let Some(life) = known.last() else {
        return copy("nothing is known of this source yet".into());
    };
    let parts: Vec<&str> = life.incarnation.split('.').collect();
    let (&[system, timeline, _, print], Ok(place)) = (&*parts, life.token.parse::<Lsn>()) else {
        return copy("what is kept is of another kind of source".into());
    };
    let server = &facts.server;
    if system != server.system {
        return copy(format!(
            "this is another server than the one that was copied: its system identifier is {}",
            server.system
        ));
    }
    if timeline != format!("{:x}", server.timeline) {
        return copy(format!(
            "the server is on timeline {} now, after a failover or a restore, and its slots and log are others",
            server.timeline
        ));
    }
    if fingerprint.map(|print| format!("{print:016x}")).as_deref() != Some(print) {
        return copy(
            "the mapping, the slot, the publication, or a followed table or its columns are others than when everything \
             was copied"
                .into(),
        );
    }
    let Some(found) = &facts.slot else {
        return copy(format!("slot {slot} does not exist any more"));
    };
    if found.is_lost {
        return copy(format!(
            "the server has thrown away the log that slot {slot} needs: raise max_slot_wal_keep_size"
        ));
    }
    match found.confirmed {
        None => copy(format!("slot {slot} has never become usable")),
        Some(confirmed) if confirmed > place => copy(format!(
            "slot {slot} has gone on to {confirmed} without us, who are at {place}"
        )),
        Some(_) if place > server.end => copy(format!(
            "the server's log ends at {}, ahead of what was read up to {place}: it was restored",
            server.end
        )),
        Some(_) => Standing::GoesOn(life.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::checks::tests::{facts, mapping};
    use super::*;

    fn print(facts: &Facts) -> u64 {
        let publication = facts.publication.as_ref().unwrap();
        fingerprint(facts, publication, &Settings::default(), &mapping())
    }

    fn life() -> Life {
        Life {
            token: "0/3DE".into(),
            ..begin(&facts(), Lsn(800), print(&facts()))
        }
    }

    fn why(facts: &Facts, known: &[Life]) -> String {
        match standing(facts, known, Some(print(facts)), "ringside") {
            Standing::Copy { why } => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_known_place_goes_on_on_the_same_server() {
        let of = facts();
        assert_eq!(
            standing(&of, &[life()], Some(print(&of)), "ringside"),
            Standing::GoesOn(life())
        );
        assert!(life().incarnation.len() <= 64);
        let longest = begin(
            &Facts {
                server: super::super::facts::Server {
                    system: u64::MAX.to_string(),
                    timeline: u32::MAX,
                    ..of.server.clone()
                },
                ..of
            },
            Lsn(u64::MAX),
            u64::MAX,
        );
        assert!(longest.incarnation.len() <= 64, "{}", longest.incarnation);
    }

    #[test]
    fn a_place_of_anything_else_is_copied_again() {
        type Spoil = fn(&mut Facts);
        let others: [(&str, Spoil); 9] = [
            ("another server", |facts| facts.server.system = "1".into()),
            ("timeline 2", |facts| facts.server.timeline = 2),
            ("does not exist", |facts| facts.slot = None),
            ("thrown away", |facts| facts.slot.as_mut().unwrap().is_lost = true),
            ("without us", |facts| {
                facts.slot.as_mut().unwrap().confirmed = Some(Lsn(0x3DF))
            }),
            ("it was restored", |facts| {
                facts.server.end = Lsn(0x3DD);
                facts.slot.as_mut().unwrap().confirmed = Some(Lsn(1));
            }),
            ("are others", |facts| {
                facts.publication.as_mut().unwrap().version = "1 3 ".into();
            }),
            ("are others", |facts| {
                facts.tables[0].1.as_mut().unwrap().columns[1].number = 9;
            }),
            ("are others", |facts| facts.tables[1].1.as_mut().unwrap().oid = 5),
        ];
        for (expected, spoil) in others {
            let mut spoilt = facts();
            spoil(&mut spoilt);
            let said = why(&spoilt, &[life()]);
            assert!(said.contains(expected), "{expected}: {said}");
        }
        assert!(why(&facts(), &[]).contains("nothing is known"));
        let foreign = Life {
            incarnation: "mongodb-7".into(),
            token: "x".into(),
        };
        assert!(why(&facts(), &[life(), foreign]).contains("another kind"));
    }

    #[test]
    fn a_column_that_nobody_reads_changes_nothing() {
        let mut more = facts();
        let status = more.tables[1].1.as_mut().unwrap().columns.last_mut().unwrap();
        assert_eq!(status.name, "status");
        status.type_oid = 16;
        assert_eq!(print(&more), print(&facts()));
    }
}
