//! The project tools as MCP shows them. Each reads: take the arguments, do one thing of the domain,
//! give the result.

use std::sync::Arc;

use bailiwick_core::Clock;
use bailiwick_mcp_servers::arguments::{Flawed, NoArguments};
use bailiwick_mcp_servers::database::Database;
use bailiwick_mcp_servers::fields::Date;
use bailiwick_mcp_servers::tool::{Effect, InvalidTool, Presentation, ToolError, ToolSet};

use crate::progress::{self, TaskProgress, TaskUpdate, WhichTask};
use crate::summary::{self, Summary};
use crate::tasks::{self, NewTask, Task, TaskFilter, TaskList};

/// What the project tools work on.
#[derive(Clone)]
pub(crate) struct Projects {
    pub(crate) database: Database,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Projects {
    fn today(&self) -> Date {
        Date::at(self.clock.now())
    }
}

/// All tools of this server.
pub(crate) fn tools() -> Result<ToolSet<Projects>, InvalidTool> {
    ToolSet::default()
        .with(
            Presentation {
                name: "create_project_task",
                effect: Effect::Adds,
                title: "Create a task",
                description: "Creates a task of a project and returns the record with its new id (TASK-…). It starts \
                              today in the state todo with a progress of 0.",
            },
            create_project_task,
        )?
        .with(
            Presentation {
                name: "get_project_tasks",
                effect: Effect::Reads,
                title: "Look up tasks",
                description: "Lists tasks, all of them or those that fit every filter given: id, project, state, \
                              assignee. At most 1000 are listed.",
            },
            get_project_tasks,
        )?
        .with(
            Presentation {
                name: "update_task_state",
                effect: Effect::Changes,
                title: "Update a task",
                description: "Sets the state of a task and, where given, its hours, its progress and its notes, all \
                              at once, and returns the whole record. What is not given stays as it is.",
            },
            update_task_state,
        )?
        .with(
            Presentation {
                name: "get_task_progress",
                effect: Effect::Reads,
                title: "See how far a task is",
                description: "Tells state, progress, hours, assignee, due date and priority of one task.",
            },
            get_task_progress,
        )?
        .with(
            Presentation {
                name: "get_overdue_tasks",
                effect: Effect::Reads,
                title: "List overdue tasks",
                description: "Lists the tasks that were due before today (UTC) and are neither completed nor \
                              cancelled, the longest overdue first. At most 1000 are listed.",
            },
            get_overdue_tasks,
        )?
        .with(
            Presentation {
                name: "get_project_summary",
                effect: Effect::Reads,
                title: "Summarise projects",
                description: "Counts tasks by state, adds up their estimated and actual hours, and tells how many \
                              per cent are completed.",
            },
            get_project_summary,
        )
}

async fn create_project_task(projects: Projects, given: Result<NewTask, Flawed>) -> Result<Task, ToolError> {
    tasks::create(&projects.database, given?, projects.today()).await
}

async fn get_project_tasks(projects: Projects, given: Result<TaskFilter, Flawed>) -> Result<TaskList, ToolError> {
    tasks::find(&projects.database, &given?).await
}

async fn update_task_state(projects: Projects, given: Result<TaskUpdate, Flawed>) -> Result<Task, ToolError> {
    match given {
        Ok(update) => progress::update(&projects.database, update).await,
        Err(flawed) => Err(progress::refuse(&projects.database, flawed).await),
    }
}

async fn get_task_progress(projects: Projects, given: Result<WhichTask, Flawed>) -> Result<TaskProgress, ToolError> {
    match given {
        Ok(which) => progress::tell(&projects.database, &which).await,
        Err(flawed) => Err(progress::refuse(&projects.database, flawed).await),
    }
}

async fn get_overdue_tasks(projects: Projects, given: Result<NoArguments, Flawed>) -> Result<TaskList, ToolError> {
    given?;
    tasks::overdue(&projects.database, projects.today()).await
}

async fn get_project_summary(projects: Projects, given: Result<NoArguments, Flawed>) -> Result<Summary, ToolError> {
    given?;
    summary::summarise(&projects.database).await
}

#[cfg(test)]
mod tests;
