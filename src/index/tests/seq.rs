//! The seq that a view tells.

use super::{Mode, OnConflict, Owner, Ownership, empty, merged, swap};
use crate::index::{Index, Over, View};

/// Between taking the state and the seq a reader may be put aside for as long as anything takes.
#[test]
fn a_view_of_a_state_that_was_replaced_tells_no_seq_beyond_it() {
    let ownership = Ownership {
        mode: Mode::Unique,
        owner: Owner::NewestClaim,
        on_conflict: OnConflict::Move,
        shared_above: 0,
        suffix_digits: 0,
    };
    let (index, mut writer) = Index::new(empty(), ownership);
    swap(&mut writer, 0);
    let sealed_at = writer.seq();
    let before = index.state.load_full();
    let merge = writer.seal().expect("changes");
    swap(&mut writer, 1);
    assert_eq!(View::new(&before, index.seq()).seq(), sealed_at);
    let replaced_at = writer.seq();
    let before = index.state.load_full();
    assert_eq!(View::new(&before, index.seq()).seq(), replaced_at);
    writer.replace_all(&merged(&merge, 2), Over::default());
    swap(&mut writer, 2);
    assert_eq!(View::new(&before, index.seq()).seq(), replaced_at);
    assert!(index.read(|view| Ok(view.seq())) > replaced_at);
}
