//! One act at a time, and how far it is.

use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use super::ActError;

/// What an act is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Such as `verifying` or `comparing`.
    pub step: &'static str,
    /// The generation that is verified or compared.
    pub generation: u64,
    /// Customers done.
    pub done: u64,
    /// Customers altogether.
    pub total: u64,
}

/// The act that goes on, if one does.
#[derive(Debug, Default)]
pub(super) struct Busy {
    now: Mutex<Option<(&'static str, Option<Step>)>>,
}

/// An act that goes on, until it is dropped.
#[derive(Debug)]
pub(super) struct Act<'a>(&'a Busy);

impl Busy {
    /// Begins `act`, such as `a rollback`.
    pub(super) fn begin(&self, act: &'static str) -> Result<Act<'_>, ActError> {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        match *now {
            Some((other, _)) => Err(ActError::Busy(other)),
            None => {
                *now = Some((act, None));
                Ok(Act(self))
            }
        }
    }

    /// What is being done.
    pub(super) fn step(&self) -> Option<Step> {
        let now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        now.and_then(|(_, step)| step)
    }
}

impl Act<'_> {
    /// Tells how far it is.
    pub(super) fn at(&self, step: Step) {
        if let Some((_, now)) = &mut *self.0.now.lock().unwrap_or_else(PoisonError::into_inner) {
            *now = Some(step);
        }
    }
}

impl Drop for Act<'_> {
    fn drop(&mut self) {
        *self.0.now.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_act_is_told_of_the_first() {
        let busy = Busy::default();
        let act = busy.begin("a rollback").expect("nothing goes on");
        let step = Step {
            step: "verifying",
            generation: 3,
            done: 1,
            total: 2,
        };
        act.at(step);
        let error = busy.begin("a publication").expect_err("a rollback goes on");
        assert_eq!((error.status(), error.code()), (409, "busy"));
        assert!(error.to_string().contains("a rollback"), "{error}");
        assert_eq!(busy.step(), Some(step));
        drop(act);
        assert_eq!(busy.step(), None);
        assert!(busy.begin("a publication").is_ok());
    }
}
