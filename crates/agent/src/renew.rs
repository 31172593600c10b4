//! When credentials are got: before the old ones end, not all agents of a site in one second, and again after a failure.

use std::sync::Arc;
use std::time::Duration;

use strongroom_crypto::Entropy;
use strongroom_types::Timestamp;

use crate::credentials::{Source, SourceError, Store};
use crate::limits::{CLOCK_CHECK, MAX_RETRY_PAUSE, MIN_RENEWAL_PAUSE, RENEWAL_TIMEOUT};
use crate::{AgentError, Credentials};

/// When credentials are renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    margin: Duration,
}

impl Schedule {
    /// Renewal `margin` before the end of credentials that last `duration`; a third of that if none is given. SDKs ask
    /// for new ones when theirs have 15 minutes or less to live, and do best if those that they then get have more.
    ///
    /// # Errors
    /// [`AgentError::Margin`] for a margin as long as the credentials last.
    pub fn new(duration: Duration, margin: Option<Duration>) -> Result<Self, AgentError> {
        let margin = margin.unwrap_or(duration / 3);
        if margin < duration {
            Ok(Self { margin })
        } else {
            Err(AgentError::Margin { duration_seconds: duration.as_secs(), margin_seconds: margin.as_secs() })
        }
    }

    /// How long credentials that last another `life` are left alone: up to a tenth less than there is time, so that what
    /// was started together does not renew together.
    fn pause(self, life: Duration, random: u8) -> Duration {
        // A server may give less than it was asked for.
        let time = life.checked_sub(self.margin).unwrap_or(life / 2);
        time.saturating_sub(part(time / 10, random)).max(MIN_RENEWAL_PAUSE)
    }
}

/// How long to wait after so many failures in a row: twice as long after each, of which up to half is left to chance.
fn retry_pause(failures: u32, random: u8) -> Duration {
    let whole = MIN_RENEWAL_PAUSE.saturating_mul(1 << failures.min(8)).min(MAX_RETRY_PAUSE);
    whole.saturating_sub(part(whole / 2, random)).max(MIN_RENEWAL_PAUSE)
}

/// `random` 255ths of a time.
fn part(time: Duration, random: u8) -> Duration {
    time.saturating_mul(random.into()) / u8::MAX.into()
}

/// Gets credentials, again and again.
pub(crate) struct Renewal {
    pub(crate) store: Arc<Store>,
    pub(crate) source: Arc<dyn Source>,
    pub(crate) schedule: Schedule,
    pub(crate) clock: fn() -> Timestamp,
    pub(crate) entropy: Arc<dyn Entropy>,
}

impl Renewal {
    /// Goes on until it is dropped.
    pub(crate) async fn run(self) {
        let mut failures = 0;
        loop {
            let pause = match self.fetch().await {
                Ok(credentials) => {
                    failures = 0;
                    let pause = self.schedule.pause(self.life(&credentials), self.random());
                    tracing::info!(
                        access_key_id = %credentials.access_key_id(),
                        expires = credentials.expiration().to_iso8601_seconds(),
                        renewed_in_seconds = pause.as_secs(),
                        "new credentials"
                    );
                    self.store.put(credentials, (self.clock)());
                    pause
                }
                Err(error) => {
                    failures += 1;
                    let pause = retry_pause(failures, self.random());
                    let why = in_one_line(&*error);
                    tracing::warn!(error = why, retried_in_seconds = pause.as_secs(), "no new credentials");
                    self.store.fail(why);
                    pause
                }
            };
            self.wait(pause).await;
        }
    }

    async fn fetch(&self) -> Result<Credentials, SourceError> {
        let fetched = tokio::time::timeout(RENEWAL_TIMEOUT, self.source.fetch()).await;
        let credentials = fetched.map_err(|_| SourceError::from("the store did not answer in time"))??;
        if self.life(&credentials).is_zero() {
            return Err("the store gave credentials that have ended already; compare the clocks".into());
        }
        Ok(credentials)
    }

    fn life(&self, credentials: &Credentials) -> Duration {
        credentials.expiration().since((self.clock)())
    }

    fn random(&self) -> u8 {
        let mut random = [0];
        self.entropy.fill(&mut random);
        let [random] = random;
        random
    }

    /// Waits until the time is over by one of the clocks: that of the process, which stands still while a machine sleeps,
    /// or the wall's, which somebody may set.
    async fn wait(&self, pause: Duration) {
        let (began, due) = (tokio::time::Instant::now(), (self.clock)().plus(pause));
        loop {
            let left = pause.saturating_sub(began.elapsed()).min(due.since((self.clock)()));
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(CLOCK_CHECK)).await;
        }
    }
}

/// An error and what caused it.
fn in_one_line(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let words = cause.to_string();
        // A transparent error shows its cause as itself.
        if !text.ends_with(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        next = cause.source();
    }
    text.replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicI64, Ordering};

    use async_trait::async_trait;
    use proptest::prelude::*;

    use super::*;
    use crate::credentials::sample;

    struct Fixed(u8);

    impl Entropy for Fixed {
        fn fill(&self, out: &mut [u8]) {
            out.fill(self.0);
        }
    }

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn the_margin_is_a_third_unless_given_and_must_leave_some_time() {
        let schedule = Schedule::new(HOUR, None).unwrap();
        assert_eq!(schedule.pause(HOUR, 0), Duration::from_secs(2400));
        assert_eq!(schedule.pause(HOUR, 255), Duration::from_secs(2160));
        assert!(matches!(Schedule::new(HOUR, Some(HOUR)), Err(AgentError::Margin { .. })));
    }

    proptest! {
        #[test]
        fn no_pause_is_so_short_that_the_store_is_flooded_nor_so_long_that_credentials_end(
            duration in 900_u64..43_200, margin in 0_u64..43_200, life in 0_u64..50_000, random: u8, failures: u32,
        ) {
            let (duration, margin, life) =
                (Duration::from_secs(duration), Duration::from_secs(margin), Duration::from_secs(life));
            if let Ok(schedule) = Schedule::new(duration, Some(margin)) {
                let pause = schedule.pause(life, random);
                prop_assert!(pause >= MIN_RENEWAL_PAUSE);
                prop_assert!(pause <= life.max(MIN_RENEWAL_PAUSE));
            }
            let pause = retry_pause(failures, random);
            prop_assert!((MIN_RENEWAL_PAUSE..=MAX_RETRY_PAUSE).contains(&pause));
        }
    }

    /// Gives what it is told to, and remembers when it was asked.
    struct Scripted {
        script: Mutex<Vec<Result<Duration, &'static str>>>,
        asked: Mutex<Vec<u64>>,
        began: tokio::time::Instant,
    }

    static NOW_MILLIS: AtomicI64 = AtomicI64::new(0);

    fn clock() -> Timestamp {
        Timestamp::from_millis(NOW_MILLIS.load(Ordering::SeqCst))
    }

    #[async_trait]
    impl Source for Scripted {
        async fn fetch(&self) -> Result<Credentials, SourceError> {
            self.asked.lock().unwrap().push(self.began.elapsed().as_secs());
            let next = self.script.lock().unwrap().pop();
            match next {
                Some(Ok(life)) => Ok(sample("ASIAIOSFODNN7EXAMPLE", clock().plus(life))),
                Some(Err(error)) => Err(error.into()),
                None => std::future::pending().await,
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn renews_before_the_end_and_tries_again_after_a_failure() {
        let began = tokio::time::Instant::now();
        let script = vec![Err("again denied"), Ok(Duration::ZERO), Ok(HOUR), Err("denied"), Ok(HOUR)];
        let source = Arc::new(Scripted { script: Mutex::new(script), asked: Mutex::default(), began });
        let store = Arc::new(Store::default());
        let renewal = Renewal {
            store: store.clone(),
            source: source.clone(),
            schedule: Schedule::new(HOUR, None).unwrap(),
            clock,
            entropy: Arc::new(Fixed(0)),
        };
        let running = tokio::spawn(renewal.run());
        while source.asked.lock().unwrap().len() < 6 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            NOW_MILLIS.fetch_add(100, Ordering::SeqCst);
            if source.asked.lock().unwrap().len() == 3 {
                assert!(store.look(clock()).is_ok());
            }
        }
        running.abort();
        // An hour's credentials after two thirds; a failure after two seconds, the next after four.
        let asked = source.asked.lock().unwrap().clone();
        assert_eq!(asked.first(), Some(&0));
        let pauses: Vec<u64> = asked.windows(2).map(|pair| pair[1] - pair[0]).collect();
        for (pause, wanted) in pauses.iter().zip([2400, 2, 2400, 2, 4]) {
            assert!((wanted..=wanted + 1).contains(pause), "{pauses:?}");
        }
    }

    #[test]
    fn an_error_is_told_with_its_causes() {
        #[derive(Debug, thiserror::Error)]
        #[error("outer\nline")]
        struct Outer(#[source] std::io::Error);
        let error = Outer(std::io::Error::other("inner"));
        assert_eq!(in_one_line(&error), "outer line: inner");
    }
}
