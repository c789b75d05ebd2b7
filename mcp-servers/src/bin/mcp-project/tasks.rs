//! Tasks: their record, making one, and looking them up. How a task moves on is
//! [`crate::progress`]'s; the SQL is in [`crate::storage::tasks`].

use bailiwick_mcp_servers::database::Database;
use bailiwick_mcp_servers::fields::{Date, Id, Line, Name, NotNegative, Notes, Percentage, Positive, Prose};
use bailiwick_mcp_servers::records::{MOST_READ, TextList, cut, written_id};
use bailiwick_mcp_servers::tool::ToolError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::storage;

/// A task's id as a caller writes it.
pub(crate) type TaskId = Id;

/// The most tags of a new task.
const MOST_TAGS: usize = 20;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(rename_all = "snake_case")]
pub(crate) enum Priority {
    Low,
    #[default]
    Medium,
    High,
    Critical,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(rename_all = "snake_case")]
pub(crate) enum TaskState {
    Todo,
    InProgress,
    Review,
    Completed,
    Cancelled,
}

/// A task as stored and shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, sqlx::FromRow)]
#[serde(deny_unknown_fields)]
pub(crate) struct Task {
    pub(crate) task_id: String,
    pub(crate) project_id: String,
    pub(crate) task_name: String,
    pub(crate) description: String,
    pub(crate) assigned_to: String,
    pub(crate) assignee_name: String,
    pub(crate) priority: Priority,
    pub(crate) state: TaskState,
    #[sqlx(try_from = "f64")]
    pub(crate) estimated_hours: Positive,
    #[sqlx(try_from = "f64")]
    pub(crate) actual_hours: NotNegative,
    #[sqlx(try_from = "String")]
    pub(crate) start_date: Date,
    #[sqlx(try_from = "String")]
    pub(crate) due_date: Date,
    #[sqlx(try_from = "String")]
    pub(crate) dependencies: TextList,
    #[sqlx(try_from = "String")]
    pub(crate) tags: TextList,
    #[sqlx(try_from = "f64")]
    pub(crate) progress_percentage: Percentage,
    pub(crate) notes: String,
}

/// A task to make.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewTask {
    /// Id of the project that it belongs to, such as PROJ-001.
    pub(crate) project_id: Id,
    /// What it is called.
    pub(crate) task_name: Line<200>,
    /// What is to be done.
    pub(crate) description: Prose<1, 4000>,
    /// Id of whoever is to do it, such as DEV-001.
    pub(crate) assigned_to: Id,
    /// Name of whoever is to do it.
    pub(crate) assignee_name: Name,
    /// How urgent it is; medium where nothing is said.
    pub(crate) priority: Option<Priority>,
    /// Hours that it should take, greater than 0.
    pub(crate) estimated_hours: Positive,
    /// Day by which it is to be done, YYYY-MM-DD.
    pub(crate) due_date: Date,
    /// Words to find it by.
    #[schemars(length(max = MOST_TAGS))]
    pub(crate) tags: Option<Vec<Line<50>>>,
    /// Anything else.
    pub(crate) notes: Option<Notes>,
}

/// Which tasks to look up; what is given must all be true of them.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TaskFilter {
    /// Only the task with this id.
    pub(crate) task_id: Option<TaskId>,
    /// Only tasks of this project.
    pub(crate) project_id: Option<Id>,
    /// Only tasks in this state.
    pub(crate) state: Option<TaskState>,
    /// Only tasks of whoever has this id.
    pub(crate) assigned_to: Option<Id>,
}

/// Tasks that were looked up.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TaskList {
    pub(crate) tasks: Vec<Task>,
    /// How many are listed here.
    pub(crate) count: usize,
    /// Why the list is empty, or that it is cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
}

impl NewTask {
    /// The record of the task under that id, on the day that it is made: nothing is done of it yet.
    fn planned_as(self, task_id: String, today: Date) -> Task {
        Task {
            task_id,
            project_id: self.project_id.into(),
            task_name: self.task_name.into(),
            description: self.description.into(),
            assigned_to: self.assigned_to.into(),
            assignee_name: self.assignee_name.into(),
            priority: self.priority.unwrap_or_default(),
            state: TaskState::Todo,
            estimated_hours: self.estimated_hours,
            actual_hours: NotNegative::default(),
            start_date: today,
            due_date: self.due_date,
            dependencies: TextList::default(),
            tags: self.tags.into_iter().flatten().collect(),
            progress_percentage: Percentage::default(),
            notes: self.notes.map(String::from).unwrap_or_default(),
        }
    }
}

/// Makes a task, which is yet to be done.
pub(crate) async fn create(database: &Database, new: NewTask, today: Date) -> Result<Task, ToolError> {
    let mut transaction = database.write().await?;
    let number = storage::tasks::next_number(&mut transaction).await?;
    let task = new.planned_as(written_id("TASK", number), today);
    storage::tasks::insert(&mut transaction, number, &task).await?;
    transaction.commit().await?;
    Ok(task)
}

/// Looks tasks up, in the order of their ids.
pub(crate) async fn find(database: &Database, filter: &TaskFilter) -> Result<TaskList, ToolError> {
    let mut connection = database.read().await?;
    let tasks = storage::tasks::find(&mut connection, filter, MOST_READ).await?;
    Ok(listed(tasks, || nothing_found(filter)))
}

/// The tasks that should be done by now and are not, the longest overdue first.
pub(crate) async fn overdue(database: &Database, today: Date) -> Result<TaskList, ToolError> {
    let mut connection = database.read().await?;
    let tasks = storage::tasks::overdue(&mut connection, today, MOST_READ).await?;
    Ok(listed(tasks, || "No task is overdue.".to_owned()))
}

fn listed(mut tasks: Vec<Task>, nothing: impl FnOnce() -> String) -> TaskList {
    let message = cut(&mut tasks, "tasks", nothing);
    TaskList { count: tasks.len(), tasks, message }
}

fn nothing_found(filter: &TaskFilter) -> String {
    match filter {
        TaskFilter { task_id: Some(id), project_id: None, state: None, assigned_to: None } => {
            format!("There is no task {}.", id.as_str())
        }
        TaskFilter { task_id: None, project_id: None, state: None, assigned_to: None } => {
            "There are no tasks yet.".to_owned()
        }
        _ => "No task fits all that was asked for.".to_owned(),
    }
}
