//! A program as a whole: begun or resumed, run again where its policies go back, and ended.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::decide::pending;
use crate::effect::Fallen;
use crate::error::{BoxError, Error, Result};
use crate::execution::Execution;
use crate::id::Seq;
use crate::model::Status;
use crate::run::{Recordable, Run};
use crate::store::Store;

type Undo<'a> = Box<dyn Fn(&Fallen) -> Result<(), BoxError> + 'a>;

/// A program whose progress is recorded.
///
/// ```
/// use omium_core::{Retry, Step, Store, Workflow};
///
/// # let directory = tempfile::tempdir()?;
/// # let store = Store::open(directory.path().join(".omium"))?;
/// let report = Workflow::new("research", |run| {
///     let plan: Vec<String> = run.step_with(Step::new("plan"), |attempt| match &attempt.failure {
///         None => Ok::<_, std::io::Error>(vec![]),
///         Some(failure) => Ok(vec![format!("repaired, because {}", failure.message)]),
///     })?;
///     run.step_with(
///         Step::new("write").retry(Retry::times(1)).ensure("it says something", |text: &String| !text.is_empty())
///             .roll_back_to("plan"),
///         |_| Ok::<_, std::io::Error>(plan.join(", ")),
///     )
/// })
/// .run(&store, "report-42")?;
/// assert!(report.starts_with("repaired"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "Workflow::run runs it"]
pub struct Workflow<'a, F> {
    name: &'a str,
    body: F,
    undo: Option<Undo<'a>>,
}

impl<'a, F> Workflow<'a, F> {
    /// A program under the name its executions are listed by.
    pub fn new<T>(name: &'a str, body: F) -> Workflow<'a, F>
    where
        F: Fn(&mut Run) -> Result<T>,
    {
        Workflow { name, body, undo: None }
    }

    /// How every effect is undone that a policy goes back behind. Without it each is by the undo it declares itself, and
    /// such a rollback stops at one that declares none.
    pub fn undo(mut self, undo: impl Fn(&Fallen) -> Result<(), BoxError> + 'a) -> Workflow<'a, F> {
        self.undo = Some(Box::new(undo));
        self
    }

    /// Begins the execution `id`, or resumes it, and returns its result; a finished one is answered from its record.
    ///
    /// A failure ends the execution as failed, to be resumed by running it again. One that waits for an answer stays so.
    pub fn run<T>(&self, store: &Store, id: &str) -> Result<T>
    where
        T: Serialize + DeserializeOwned,
        F: Fn(&mut Run) -> Result<T>,
    {
        self.finish_going_back(store, id)?;
        loop {
            let mut run = store.begin(self.name, id)?;
            let ended = (self.body)(&mut run);
            match ended.and_then(|result| Recordable::of(&format!("workflow {:?}", self.name), &result)) {
                Ok(result) => {
                    run.finish(Status::Completed, Some(&result.blob), None)?;
                    return Ok(result.value);
                }
                Err(Error::GoesBack { to, .. }) => {
                    drop(run);
                    self.go_back(&store.execution(id)?, to)?;
                }
                Err(error) => {
                    if !says_nothing_of_the_program(&error) {
                        run.fail_run(error.to_string(), &[run.reached()])?;
                    }
                    return Err(error);
                }
            }
        }
    }

    /// A crash may have come between the decision to go back and its being done, or in the middle of that.
    fn finish_going_back<T>(&self, store: &Store, id: &str) -> Result<()>
    where
        F: Fn(&mut Run) -> Result<T>,
    {
        let execution = match store.execution(id) {
            Ok(execution) => execution,
            Err(Error::ExecutionNotFound { .. }) => return Ok(()),
            Err(error) => return Err(error),
        };
        if let Some(to) = execution.unfinished_rollback()? {
            return self.go_back(&execution, to);
        }
        match pending(store, id)? {
            Some(to) => self.go_back(&execution, to),
            None => Ok(()),
        }
    }

    fn go_back<T>(&self, execution: &Execution, to: Seq) -> Result<()>
    where
        F: Fn(&mut Run) -> Result<T>,
    {
        if let Some(undo) = &self.undo {
            return execution.rollback_with(to, undo);
        }
        if execution.unknown_undo(to)?.is_some() {
            // A process that came after a crash learns them where the program declares them: nothing runs in a replay, which
            // ends where the record does.
            let _ = (self.body)(&mut execution.replay()?);
        }
        execution.rollback_all(to)
    }
}

/// Whether an error leaves the execution as it is: somebody else's now, waiting, or not to be written to.
fn says_nothing_of_the_program(error: &Error) -> bool {
    matches!(
        error,
        Error::Waiting { .. }
            | Error::Fenced { .. }
            | Error::LeaseHeld { .. }
            | Error::Corrupted { .. }
            | Error::Unavailable { .. }
    )
}
