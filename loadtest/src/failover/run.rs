//! One act under load: what is before, what is done, and what callers saw of it.

use std::io::Error;
use std::time::{Duration, Instant};

use super::act::Act;
use super::callers::{Callers, PATIENCE};
use super::pass;
use super::silence::{Seen, seen};

/// How long all callers have to have been answered ahead of an act, and behind it.
const CALM: Duration = Duration::from_millis(500);
/// How long an address may be silent before the measuring is given up.
const GIVEN_UP: Duration = Duration::from_secs(60);

/// Machines that have an address, and to which something can be done.
pub(super) trait Stand {
    /// Begins to ask its address.
    fn callers(&self) -> Result<Callers, Error>;
    /// Begins what else goes on.
    fn begin(&mut self) {}
    /// Does `act` to whoever has the address.
    fn strike(&mut self, act: Act) -> Result<(), Error>;
    /// Has everything be as it was, and waits for it.
    fn mend(&mut self);
    /// The ends of what its processes have said, for people.
    fn tails(&self) -> String;
    /// Ends what else goes on, and tells what was seen of it.
    fn end(&mut self) -> Pops {
        Pops::default()
    }
}

/// What became of rings.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pops {
    /// Rings that were told.
    pub(super) rings: usize,
    /// Those answered with `replicated: true`.
    pub(super) replicated: usize,
    /// Those of them that no desktop was shown.
    pub(super) lost: usize,
    /// Those that a desktop was shown as two pops.
    pub(super) twice: usize,
    /// Those that were never answered.
    pub(super) unanswered: usize,
}

/// What came of one act.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ran {
    /// From the act until the address was answered for a while.
    pub(super) struck: Seen,
    /// From when things were set right until everything was as before.
    pub(super) mended: Seen,
    pub(super) pops: Pops,
}

/// Does `act` to `stand`, which is whole, and has it whole again.
pub(super) fn run(stand: &mut dyn Stand, act: Act) -> Result<Ran, Error> {
    let callers = stand.callers()?;
    stand.begin();
    calm(&callers, stand, "ahead of anything")?;
    let struck = callers.now();
    stand.strike(act)?;
    calm(&callers, stand, act.label())?;
    // What was asked over a connection that hangs has had its time as well.
    pass((struck + PATIENCE + CALM).saturating_sub(callers.now()));
    let setting_right = callers.now();
    stand.mend();
    calm(&callers, stand, "once set right")?;
    let whole = callers.now();
    let pops = stand.end();
    let asked = callers.asked_since(struck)?;
    Ok(Ran {
        struck: seen(&asked, &(struck..setting_right)),
        mended: seen(&asked, &(setting_right..whole)),
        pops,
    })
}

/// Waits until everybody has been answered for a while; `when` says behind what.
fn calm(callers: &Callers, stand: &dyn Stand, when: &str) -> Result<(), Error> {
    let begun = Instant::now();
    pass(CALM);
    while !callers.is_answered(CALM) {
        if begun.elapsed() > GIVEN_UP {
            return Err(Error::other(format!(
                "{}\nexpected the address to answer everybody within {} s ({when}), found of the last requests {}",
                stand.tails(),
                GIVEN_UP.as_secs(),
                callers.lately()
            )));
        }
        pass(Duration::from_millis(5));
    }
    Ok(())
}
