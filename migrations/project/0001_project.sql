-- The project server's data. A written id is its number and nothing else; the checks keep the two
-- together. project_id and assigned_to are no foreign keys: they may name what is not in this file.

CREATE TABLE tasks (
    number INTEGER PRIMARY KEY,
    task_id TEXT NOT NULL UNIQUE CHECK (task_id = printf('TASK-%03d', number)),
    project_id TEXT NOT NULL,
    task_name TEXT NOT NULL,
    description TEXT NOT NULL,
    assigned_to TEXT NOT NULL,
    assignee_name TEXT NOT NULL,
    priority TEXT NOT NULL,
    state TEXT NOT NULL,
    estimated_hours REAL NOT NULL CHECK (estimated_hours > 0),
    actual_hours REAL NOT NULL CHECK (actual_hours >= 0),
    start_date TEXT NOT NULL,
    due_date TEXT NOT NULL,
    -- The lists of this file are JSON arrays of texts.
    dependencies TEXT NOT NULL,
    tags TEXT NOT NULL,
    progress_percentage REAL NOT NULL CHECK (progress_percentage BETWEEN 0 AND 100),
    notes TEXT NOT NULL
) STRICT;

CREATE INDEX tasks_by_due_date ON tasks (due_date);

CREATE TABLE milestones (
    number INTEGER PRIMARY KEY,
    milestone_id TEXT NOT NULL UNIQUE CHECK (milestone_id = printf('MIL-%03d', number)),
    project_id TEXT NOT NULL,
    milestone_name TEXT NOT NULL,
    target_date TEXT NOT NULL,
    achieved_date TEXT,
    status TEXT NOT NULL,
    deliverables TEXT NOT NULL
) STRICT;

CREATE TABLE team_members (
    number INTEGER PRIMARY KEY,
    member_id TEXT NOT NULL UNIQUE CHECK (member_id = printf('DEV-%03d', number)),
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    email TEXT NOT NULL,
    skills TEXT NOT NULL,
    availability_hours REAL NOT NULL CHECK (availability_hours >= 0),
    current_projects TEXT NOT NULL,
    join_date TEXT NOT NULL
) STRICT;
