//! Wrong bytes are told, and never read as if they were right.

use proptest::prelude::*;

use super::*;

/// Two segments and then some; the bytes of each file by its name.
fn small() -> (Vec<(String, Vec<u8>)>, Frames) {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, ..) = open(dir.path());
    journal.roll(1, b"s").unwrap();
    journal.append(b"ab").unwrap();
    journal.append(b"").unwrap();
    journal.roll(4, b"t").unwrap();
    journal.append(b"cd").unwrap();
    journal.roll(6, b"u").unwrap();
    journal.append(b"ef").unwrap();
    journal.append(b"g").unwrap();
    let read = |name: String| {
        let bytes = fs::read(dir.path().join(&name)).unwrap();
        (name, bytes)
    };
    let files = names(dir.path()).into_iter().map(read).collect();
    (files, open(dir.path()).2)
}

fn write(dir: &Path, files: &[(String, Vec<u8>)]) {
    for (name, bytes) in files {
        fs::write(dir.join(name), bytes).unwrap();
    }
}

/// Opens `files`: a beginning of `all` is read, and less than all of it only with a word. Then it is as any other journal.
/// Gives whether something was told.
fn opens_well(files: &[(String, Vec<u8>)], all: &Frames) -> (bool, usize) {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), files);
    let _disk = Disk::over(dir.path());
    let total = |dir: &Path| {
        names(dir)
            .iter()
            .map(|name| fs::metadata(dir.join(name)).unwrap().len())
            .sum::<u64>()
    };
    let before = total(dir.path());
    let (mut journal, recovered, frames) = open(dir.path());
    assert!(all.starts_with(&frames), "read {frames:?}");
    assert_eq!(
        recovered.damaged.is_some(),
        recovered.set_aside > 0,
        "{recovered:?}"
    );
    assert_eq!(
        total(dir.path()) + recovered.torn_bytes,
        before,
        "nothing is thrown away unsaid: {recovered:?}"
    );
    assert!(
        recovered.damaged.is_none() || recovered.torn_bytes == 0,
        "{recovered:?}"
    );

    journal.roll(100, b"new").unwrap();
    let (_, again, more) = open(dir.path());
    assert_eq!(
        (again.damaged, again.torn_bytes, again.set_aside),
        (None, 0, recovered.set_aside)
    );
    assert_eq!(more[..frames.len()], frames);
    assert_eq!(more[frames.len()..], [frame(100, "new")]);
    (
        recovered.damaged.is_some() || recovered.torn_bytes > 0,
        frames.len(),
    )
}

#[test]
fn every_flipped_byte_is_told() {
    let (files, all) = small();
    for file in 0..files.len() {
        for at in 0..files[file].1.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut files = files.clone();
                files[file].1[at] ^= flip;
                let (told, _) = opens_well(&files, &all);
                assert!(told, "byte {at} of {} by {flip:x}", files[file].0);
            }
        }
    }
}

#[test]
fn only_an_end_that_an_append_may_have_is_called_torn() {
    let (files, all) = small();
    let last = files.len() - 1;
    // The ends of the last segment's state and first append.
    let (state, append) = (48 + 17, 48 + 17 + 18);
    for (offset, is_torn) in [
        (0, false),
        (47, false),
        (50, false),
        (state + 3, false),
        (append + 3, true),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let mut files = files.clone();
        files[last].1[offset] ^= 0xff;
        write(dir.path(), &files);
        let (_, recovered, frames) = open(dir.path());
        assert_eq!(recovered.torn_bytes > 0, is_torn, "{offset}");
        assert_eq!(recovered.damaged.is_none(), is_torn, "{offset}");
        if offset == state + 3 {
            let damaged = Damaged {
                segment: 6,
                offset: state as u64,
            };
            assert_eq!(recovered.damaged, Some(damaged));
            assert_eq!(frames, all[..6]);
            let aside = fs::read(dir.path().join("00000000000000000006.log.65.damaged")).unwrap();
            assert_eq!(aside, files[last].1[state..]);
        }
    }
}

#[test]
fn every_lost_end_of_a_file_and_every_lost_file_is_told() {
    let (files, all) = small();
    let last = files.len() - 1;
    for file in 0..files.len() {
        for length in 0..files[file].1.len() {
            let mut files = files.clone();
            files[file].1.truncate(length);
            let (told, read) = opens_well(&files, &all);
            // An append that never was looks just like this.
            let may_be_silent = file == last && (length == 48 + 17 || length == 48 + 17 + 18);
            assert_eq!(told, !may_be_silent, "{length} bytes of {}", files[file].0);
            assert!(read < all.len());
        }
    }
    let mut files = files;
    files.remove(1);
    assert_eq!(opens_well(&files, &all), (true, 3), "a hole");
}

#[test]
fn a_stale_or_displaced_frame_is_none() {
    let (files, all) = small();
    let frame_of = |file: usize, from: usize, length: usize| files[file].1[from..from + length].to_vec();
    // A frame of this file at another place, and one of another file at the place where it was there.
    for bytes in [frame_of(2, 48 + 17, 18), frame_of(0, 48, 17)] {
        let mut moved = files.clone();
        moved[2].1.extend(bytes);
        assert_eq!(opens_well(&moved, &all), (true, all.len()));
    }
    // A whole segment under another's name.
    let mut moved = files.clone();
    moved[2].1 = files[1].1.clone();
    assert_eq!(opens_well(&moved, &all), (true, 5));
}

#[test]
fn a_length_that_nothing_fills_asks_for_no_memory() {
    let (mut files, all) = small();
    for length in [u32::MAX, frame::LONGEST + 1, frame::LONGEST, 1000] {
        let mut head = frame::head(6, files[2].1.len() as u64, b"").unwrap();
        head[4..8].copy_from_slice(&length.to_le_bytes());
        files[2].1.extend(head);
        assert_eq!(opens_well(&files, &all), (true, all.len()));
        let whole = files[2].1.len() - 16;
        files[2].1.truncate(whole);
    }
}

#[test]
fn a_crash_at_every_step_of_setting_aside_keeps_what_is_before_and_what_is_aside() {
    let (files, all) = small();
    for (file, at) in [
        (0, 48 + 17),
        (0, 50),
        (1, 0),
        (1, 48),
        (1, 48 + 17 + 4),
        (2, 48 + 17),
    ] {
        for lost in [
            Lost::All,
            Lost::Nothing,
            Lost::Some(1),
            Lost::Some(2),
            Lost::Some(3),
        ] {
            let mut step = 0;
            loop {
                let dir = tempfile::tempdir().unwrap();
                let mut files = files.clone();
                files[file].1[at] ^= 1;
                write(dir.path(), &files);
                let disk = Disk::over(dir.path());
                disk.fail_at(step, Fault::Crash);
                let first = Journal::open::<JournalError>(dir.path(), |_, _| Ok(()));
                let is_past = first.is_ok();
                drop(first);
                disk.restart(lost);
                let (_, recovered, frames) = open(dir.path());
                let place = format!("byte {at} of file {file}, step {step}, {lost:?}: {recovered:?}");
                let expected = all.iter().filter(|(first, _)| *first < [1, 4, 6][file]).count();
                assert!(all.starts_with(&frames) && frames.len() >= expected, "{place}");
                assert!(recovered.set_aside > 0, "{place}");
                assert_eq!(recovered.torn_bytes, 0, "{place}");
                let aside: Vec<u8> = names(dir.path())
                    .iter()
                    .filter(|name| name.ends_with(".damaged"))
                    .flat_map(|name| fs::read(dir.path().join(name)).unwrap())
                    .collect();
                for later in &files[file + 1..] {
                    assert!(
                        aside.windows(later.1.len()).any(|part| part == later.1),
                        "{place}"
                    );
                }
                let rest = &files[file].1[at..];
                assert!(aside.windows(rest.len()).any(|part| part == rest), "{place}");
                if is_past {
                    break;
                }
                step += 1;
            }
            assert!(step > 3, "{step}");
        }
    }
}

#[test]
fn another_version_is_refused_by_name_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (mut files, _) = small();
    let header = &mut files[1].1;
    header[8] = 2;
    let checksum = xxhash_rust::xxh3::xxh3_64(&header[..40]);
    header[40..48].copy_from_slice(&checksum.to_le_bytes());
    write(dir.path(), &files);
    let error = Journal::open::<JournalError>(dir.path(), |_, _| Ok(())).unwrap_err();
    assert!(
        matches!(&error, JournalError::Version { found: 2, .. }),
        "{error}"
    );
    assert!(error.to_string().contains(&files[1].0), "{error}");
    for (name, bytes) in &files {
        assert_eq!(fs::read(dir.path().join(name)).unwrap(), *bytes);
    }
}

#[test]
fn a_whole_frame_far_behind_a_wrong_one_is_found() {
    // Around the chunks that are searched one after the other.
    for gap in [
        0, 1, 65_515, 65_519, 65_520, 65_521, 65_535, 65_536, 65_537, 200_000,
    ] {
        let dir = tempfile::tempdir().unwrap();
        let (mut journal, ..) = open(dir.path());
        journal.roll(1, b"").unwrap();
        journal.append(&vec![0xf7; gap]).unwrap();
        journal.append(&vec![0xfe; gap]).unwrap();
        let path = dir.path().join("00000000000000000001.log");
        let mut bytes = fs::read(&path).unwrap();
        bytes[64] ^= 1;
        fs::write(&path, bytes).unwrap();
        let (_, recovered, _) = open(dir.path());
        assert_eq!(
            recovered.damaged,
            Some(Damaged {
                segment: 1,
                offset: 64
            }),
            "{gap}"
        );
    }
}

proptest! {
    #[test]
    fn any_bytes_can_be_opened(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        file in 0..3_usize,
        at in any::<prop::sample::Index>(),
    ) {
        let (mut files, all) = small();
        let at = at.index(files[file].1.len() + 1);
        files[file].1.splice(at.., bytes);
        opens_well(&files, &all);
    }
}
