//! The HR tools as MCP shows them. Each reads: take the arguments, do one thing of the domain,
//! give the result.

use std::sync::Arc;

use bailiwick_core::Clock;
use bailiwick_mcp_servers::arguments::{Flawed, NoArguments};
use bailiwick_mcp_servers::database::Database;
use bailiwick_mcp_servers::fields::Date;
use bailiwick_mcp_servers::tool::{Effect, InvalidTool, Presentation, ToolError, ToolSet};

use crate::employees::{self, Employee, EmployeeFilter, EmployeeList, NewEmployee};
use crate::leave::{self, LeaveRequest, NewLeaveRequest};
use crate::summary::{self, Summary};

/// What the HR tools work on.
#[derive(Clone)]
pub(crate) struct Hr {
    pub(crate) database: Database,
    pub(crate) clock: Arc<dyn Clock>,
}

/// All tools of this server.
pub(crate) fn tools() -> Result<ToolSet<Hr>, InvalidTool> {
    ToolSet::default()
        .with(
            Presentation {
                name: "add_employee_record",
                effect: Effect::Adds,
                title: "Add an employee",
                description: "Adds an employee and returns the record with its new id (EMP-…). The e-mail address must \
                              not belong to another employee; a manager must exist.",
            },
            add_employee_record,
        )?
        .with(
            Presentation {
                name: "get_employee_records",
                effect: Effect::Reads,
                title: "Look up employees",
                description: "Lists employees, all of them or those that fit every filter given: id, department, \
                              employment status. At most 1000 are listed.",
            },
            get_employee_records,
        )?
        .with(
            Presentation {
                name: "create_leave_request",
                effect: Effect::Adds,
                title: "Ask for leave",
                description: "Files a request for leave of an employee, from the first day to the last, both counted. \
                              It starts pending and is returned with its new id (LEAVE-…).",
            },
            create_leave_request,
        )?
        .with(
            Presentation {
                name: "get_hr_summary",
                effect: Effect::Reads,
                title: "Summarise HR",
                description: "Counts employees, requests for leave and performance reviews.",
            },
            get_hr_summary,
        )
}

async fn add_employee_record(hr: Hr, given: Result<NewEmployee, Flawed>) -> Result<Employee, ToolError> {
    match given {
        Ok(new) => employees::add(&hr.database, new).await,
        Err(flawed) => Err(employees::refuse(&hr.database, flawed).await),
    }
}

async fn get_employee_records(hr: Hr, given: Result<EmployeeFilter, Flawed>) -> Result<EmployeeList, ToolError> {
    employees::find(&hr.database, &given?).await
}

async fn create_leave_request(hr: Hr, given: Result<NewLeaveRequest, Flawed>) -> Result<LeaveRequest, ToolError> {
    match given {
        Ok(new) => leave::request(&hr.database, new, Date::at(hr.clock.now())).await,
        Err(flawed) => Err(leave::refuse(&hr.database, flawed).await),
    }
}

async fn get_hr_summary(hr: Hr, given: Result<NoArguments, Flawed>) -> Result<Summary, ToolError> {
    given?;
    summary::summarise(&hr.database).await
}

#[cfg(test)]
mod tests;
