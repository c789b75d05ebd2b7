//! How a task moves on: its state, its hours, how far it is. The record is [`crate::tasks`]', the SQL
//! is in [`crate::storage::tasks`].

use bailiwick_mcp_servers::arguments::{Flawed, Problems};
use bailiwick_mcp_servers::database::Database;
use bailiwick_mcp_servers::fields::{Date, NotNegative, Notes, Percentage, Positive};
use bailiwick_mcp_servers::tool::ToolError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::SqliteConnection;

use crate::storage;
use crate::tasks::{Priority, Task, TaskId, TaskState};

/// What has become of a task.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TaskUpdate {
    /// Id of the task, such as TASK-001.
    pub(crate) task_id: TaskId,
    /// Its state from now on.
    pub(crate) new_state: TaskState,
    /// Hours that it has taken until now; as they were where nothing is said.
    pub(crate) actual_hours: Option<NotNegative>,
    /// How far it is, 0 to 100; as it was where nothing is said.
    pub(crate) progress_percentage: Option<Percentage>,
    /// Takes the place of its notes; as they were where nothing is said.
    pub(crate) notes: Option<Notes>,
}

/// Whose progress to tell.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WhichTask {
    /// Id of the task, such as TASK-001.
    pub(crate) task_id: TaskId,
}

/// How far a task is.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TaskProgress {
    pub(crate) task_id: String,
    pub(crate) task_name: String,
    pub(crate) state: TaskState,
    pub(crate) progress_percentage: Percentage,
    pub(crate) estimated_hours: Positive,
    pub(crate) actual_hours: NotNegative,
    pub(crate) assigned_to: String,
    pub(crate) assignee_name: String,
    pub(crate) due_date: Date,
    pub(crate) priority: Priority,
}

impl TaskUpdate {
    /// The task with what has become of it. A state brings no progress of its own along: a task may
    /// be given up half done, or completed with less than was planned.
    fn applied_to(self, task: Task) -> Task {
        Task {
            state: self.new_state,
            actual_hours: self.actual_hours.unwrap_or(task.actual_hours),
            progress_percentage: self.progress_percentage.unwrap_or(task.progress_percentage),
            notes: self.notes.map_or(task.notes, String::from),
            ..task
        }
    }
}

impl From<Task> for TaskProgress {
    fn from(task: Task) -> Self {
        Self {
            task_id: task.task_id,
            task_name: task.task_name,
            state: task.state,
            progress_percentage: task.progress_percentage,
            estimated_hours: task.estimated_hours,
            actual_hours: task.actual_hours,
            assigned_to: task.assigned_to,
            assignee_name: task.assignee_name,
            due_date: task.due_date,
            priority: task.priority,
        }
    }
}

/// Writes down what has become of a task, all of it at once, and gives the whole record.
pub(crate) async fn update(database: &Database, update: TaskUpdate) -> Result<Task, ToolError> {
    let mut transaction = database.write().await?;
    let task = existing(&mut transaction, &update.task_id).await?;
    let task = update.applied_to(task);
    storage::tasks::update(&mut transaction, &task).await?;
    transaction.commit().await?;
    Ok(task)
}

/// How far a task is.
pub(crate) async fn tell(database: &Database, which: &WhichTask) -> Result<TaskProgress, ToolError> {
    let mut connection = database.read().await?;
    existing(&mut connection, &which.task_id).await.map(TaskProgress::from)
}

/// Adds to what is wrong with a call that there is no such task, if so.
pub(crate) async fn refuse(database: &Database, flawed: Flawed) -> ToolError {
    let task_id: Option<TaskId> = flawed.field("task_id");
    let objections = async {
        let Some(task_id) = task_id else { return Ok(Problems::default()) };
        let task = storage::tasks::get(&mut *database.read().await?, &task_id).await?;
        Ok(if task.is_some() { Problems::default() } else { unknown_task() })
    };
    ToolError::flawed(flawed, objections).await
}

async fn existing(connection: &mut SqliteConnection, task_id: &TaskId) -> Result<Task, ToolError> {
    storage::tasks::get(connection, task_id).await?.ok_or_else(|| unknown_task().into())
}

fn unknown_task() -> Problems {
    let mut problems = Problems::default();
    problems.add("task_id", "must be the id of a task that exists");
    problems
}
