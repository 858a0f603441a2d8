//! Long work in steps: a page that tells how far it has come, and ends with what came of it.

use std::convert::Infallible;

use askama::Template;
use axum::{body::Body, http::StatusCode, response::Response};
use futures::{Stream, stream};

use super::visit::Visit;
use crate::http::{
    problem::Problem,
    ui::{
        bulk::{BrokenOff, MARKS, Progress, Reached},
        html,
    },
};

/// Something long that is done in steps.
pub(super) trait Steps: Send + Sync + 'static {
    /// Who has it done.
    fn visit(&self) -> &Visit;

    /// The page that grows meanwhile.
    fn progress(&self) -> Progress;

    /// How far it has come.
    fn reached(&self) -> Reached;

    /// Does the next step; whether there was one.
    fn step(&mut self) -> impl Future<Output = Result<bool, Problem>> + Send;

    /// The content of the page that tells what came of it.
    fn done(&mut self) -> impl Future<Output = Result<String, Problem>> + Send;

    /// What is told where something came between.
    fn broken_off(&self, problem: &Problem) -> BrokenOff;
}

/// Does something step by step, and tells meanwhile how far it has come. Who leaves the page stops it: nobody would see
/// what came of the rest.
pub(super) fn streamed(steps: impl Steps) -> Response {
    let mut response = html(StatusCode::OK, &steps.progress());
    let work = Work { steps, end: String::new(), stage: Stage::Begin };
    *response.body_mut() = Body::from_stream(work.parts());
    response
}

struct Work<S> {
    steps: S,
    /// What the page still lacks at its end.
    end: String,
    stage: Stage,
}

enum Stage {
    Begin,
    Go,
    Over,
}

impl<S: Steps> Work<S> {
    fn parts(self) -> impl Stream<Item = Result<String, Infallible>> + Send {
        stream::unfold(self, |mut work| async move {
            let part = match work.stage {
                Stage::Begin => work.begin(),
                Stage::Go => match work.go_on().await {
                    Ok(part) => part,
                    Err(problem) => work.broken_off(&problem),
                },
                Stage::Over => return None,
            };
            Some((Ok(part), work))
        })
    }

    fn begin(&mut self) -> String {
        self.stage = Stage::Go;
        let page = self.steps.progress().render().unwrap_or_default();
        let (begin, end) = page.split_once(MARKS[0]).unwrap_or((&page, ""));
        end.clone_into(&mut self.end);
        begin.to_owned() + &self.reached()
    }

    fn reached(&self) -> String {
        self.steps.reached().render().unwrap_or_default()
    }

    async fn go_on(&mut self) -> Result<String, Problem> {
        if self.steps.step().await? {
            return Ok(self.reached());
        }
        let content = self.steps.done().await?;
        self.stage = Stage::Over;
        Ok(self.ending(&content))
    }

    fn ending(&self, content: &str) -> String {
        self.end.replacen(MARKS[1], content, 1)
    }

    fn broken_off(&mut self, problem: &Problem) -> String {
        let request = self.steps.visit().caller.request;
        tracing::error!(request_id = %request, code = problem.code, "long work broke off");
        self.stage = Stage::Over;
        let told = self.steps.broken_off(problem);
        self.ending(&told.as_content().render().unwrap_or_default())
    }
}
