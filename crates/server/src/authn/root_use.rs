//! Warnings of the use of root users' keys: at each use, but a busy key does not flood the log. What is not told by a
//! line of its own is counted in the next one.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use strongroom_types::{AccountId, Timestamp};

/// Lines of one account in one second.
const LINES_A_SECOND: u32 = 10;

/// What was told of an account.
#[derive(Default)]
struct Told {
    second: i64,
    lines: u32,
    /// Uses without a line since the last one.
    untold: u64,
}

/// Who used its root user's key, and what was told of it. Only accounts that are there have such keys, so their number
/// bounds this.
#[derive(Default)]
pub(crate) struct RootUses(Mutex<HashMap<AccountId, Told>>);

impl RootUses {
    /// Notes a use; where a line is due, gives the number of uses since the last line that had none.
    pub(crate) fn note(&self, account: AccountId, now: Timestamp) -> Option<u64> {
        let mut accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let told = accounts.entry(account).or_default();
        if told.second != now.as_secs() {
            (told.second, told.lines) = (now.as_secs(), 0);
        }
        if told.lines >= LINES_A_SECOND {
            told.untold = told.untold.saturating_add(1);
            return None;
        }
        told.lines += 1;
        Some(std::mem::take(&mut told.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_use_has_a_line_or_is_counted_in_the_next_one() {
        let uses = RootUses::default();
        let account = AccountId::parse("111122223333").unwrap();
        let other = AccountId::parse("444455556666").unwrap();
        let at = |second| Timestamp::from_secs(second);
        let lines: Vec<_> = (0..25).filter_map(|_| uses.note(account, at(1))).collect();
        assert_eq!(lines, [0; 10]);
        assert_eq!(uses.note(other, at(1)), Some(0));
        assert_eq!(uses.note(account, at(2)), Some(15));
        assert_eq!(uses.note(account, at(2)), Some(0));
    }
}
