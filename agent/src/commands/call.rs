//! `mcp-agent call TOOL [name=value]…`: one call, its result on the standard output.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bailiwick_core::json;
use clap::Args;
use rmcp::model::{CallToolResult, JsonObject};
use serde_json::json as value;

use super::{Caller, Context};
use crate::access::Intent;
use crate::arguments::{Argument, object};
use crate::failure::{Failure, TOOL_ERROR};
use crate::output::Output;
use crate::result;
use crate::scopes::Scopes;
use crate::session::{Session, SessionError};

/// The most bytes of arguments in a file.
const LARGEST_ARGUMENTS: u64 = 4 * 1024 * 1024;

/// The longest name of a tool, in characters.
const LONGEST_NAME: usize = 256;

/// What is called.
#[derive(Args, Debug)]
pub struct Call {
    /// The tool
    #[arg(value_parser = tool_name)]
    tool: String,
    /// An argument: name=value, read as the tool's schema says, or name:=json
    #[arg(value_name = "NAME=VALUE")]
    arguments: Vec<Argument>,
    /// A file that holds all arguments as one JSON object; - is the standard input
    #[arg(long = "arguments", value_name = "FILE", conflicts_with = "arguments")]
    file: Option<PathBuf>,
    /// Ask for a token with this scope first [default: the scope that the server names for the tool]
    #[arg(long)]
    scope: Option<Scopes>,
}

/// What the tool is given.
enum Given<'a> {
    /// As the command line writes it: read by the tool's schema.
    Written(&'a [Argument]),
    /// As it stands.
    Whole(JsonObject),
}

/// Calls the tool.
pub async fn run(context: Context<'_>, command: &Call) -> Result<ExitCode, Failure> {
    let given = match &command.file {
        Some(path) => Given::Whole(read_arguments(path).map_err(Failure::Usage)?),
        None => Given::Written(&command.arguments),
    };
    let caller = Caller::new(context)?;
    let server = caller.required_server()?;
    let connector = caller.connector(server);
    let access = caller.access(server, command.scope.as_ref());
    let answer = access.run(Intent::Call(&command.tool), async |attempt| {
        let session = connector.connect(attempt.token).await?;
        let answer = call(&session, &command.tool, &given, attempt.is_widest).await;
        session.end().await;
        answer
    });
    let result = answer.await?.map_err(|wrong| Failure::Usage(format!("{}: {wrong}", command.tool)))?;
    print(&result, caller.output)
}

/// Calls the tool with arguments that are read by its schema. The schema is asked for even where it
/// is not needed for them: the newest protocol wants some arguments repeated in headers. A tool that
/// is not shown is called all the same once no wider token may show it: the server says why not.
async fn call(
    session: &Session,
    name: &str,
    given: &Given<'_>,
    is_widest: bool,
) -> Result<Result<CallToolResult, String>, SessionError> {
    let tool = session.tool(name).await?;
    if tool.is_none() && !is_widest {
        return Err(SessionError::NotShown);
    }
    let arguments = match given {
        Given::Whole(arguments) => Ok(arguments.clone()),
        Given::Written(arguments) => object(arguments, tool.as_ref().map(|tool| tool.input_schema.as_ref())),
    };
    match arguments {
        Ok(arguments) => session.call(name, arguments).await.map(Ok),
        Err(wrong) => Ok(Err(wrong)),
    }
}

fn print(result: &CallToolResult, output: Output) -> Result<ExitCode, Failure> {
    let has_failed = result.is_error == Some(true);
    if has_failed && !output.json {
        Output::complain(&result::error_text(result));
    } else {
        output.print(&value!(result), || result::text(result, output))?;
    }
    Ok(if has_failed { ExitCode::from(TOOL_ERROR) } else { ExitCode::SUCCESS })
}

/// A name that can stand in a header.
fn tool_name(text: &str) -> Result<String, String> {
    if (1..=LONGEST_NAME).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(text.to_owned())
    } else {
        Err("a tool's name has 1 to 256 printable ASCII characters without spaces".to_owned())
    }
}

fn read_arguments(path: &Path) -> Result<JsonObject, String> {
    let read = |source: &mut dyn Read| -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        source.take(LARGEST_ARGUMENTS + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = if path == Path::new("-") {
        read(&mut io::stdin().lock())
    } else {
        File::open(path).and_then(|mut file| read(&mut file))
    };
    let bytes = bytes.map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    if bytes.len() as u64 > LARGEST_ARGUMENTS {
        return Err(format!("{} has more than {LARGEST_ARGUMENTS} bytes", path.display()));
    }
    json::object(&bytes).map_err(|error| format!("{} is not one JSON object: {error}", path.display()))
}
