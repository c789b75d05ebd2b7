-- The HR server's data. A written id is its number and nothing else; the checks keep the two
-- together. manager_id, reviewer_id and approved_by are no foreign keys: they may name somebody
-- who is not in this file.

CREATE TABLE employees (
    number INTEGER PRIMARY KEY,
    employee_id TEXT NOT NULL UNIQUE CHECK (employee_id = printf('EMP-%03d', number)),
    first_name TEXT NOT NULL,
    last_name TEXT NOT NULL,
    email TEXT NOT NULL,
    -- The address in lower case by all of Unicode, which SQLite itself does for ASCII only.
    caseless_email TEXT NOT NULL UNIQUE,
    phone TEXT NOT NULL,
    department TEXT NOT NULL,
    position TEXT NOT NULL,
    hire_date TEXT NOT NULL,
    salary REAL NOT NULL CHECK (salary > 0),
    employment_status TEXT NOT NULL,
    manager_id TEXT,
    location TEXT NOT NULL,
    emergency_contact TEXT NOT NULL,
    emergency_phone TEXT NOT NULL,
    notes TEXT NOT NULL
) STRICT;

CREATE TABLE leave_requests (
    number INTEGER PRIMARY KEY,
    leave_id TEXT NOT NULL UNIQUE CHECK (leave_id = printf('LEAVE-%03d', number)),
    employee_id TEXT NOT NULL REFERENCES employees (employee_id),
    leave_type TEXT NOT NULL,
    start_date TEXT NOT NULL,
    end_date TEXT NOT NULL CHECK (end_date >= start_date),
    total_days REAL NOT NULL CHECK (total_days > 0),
    reason TEXT NOT NULL,
    status TEXT NOT NULL,
    approved_by TEXT,
    approval_date TEXT,
    notes TEXT NOT NULL,
    created_date TEXT NOT NULL
) STRICT;

CREATE INDEX leave_requests_by_employee ON leave_requests (employee_id);

CREATE TABLE performance_reviews (
    number INTEGER PRIMARY KEY,
    review_id TEXT NOT NULL UNIQUE CHECK (review_id = printf('REVIEW-%03d', number)),
    employee_id TEXT NOT NULL REFERENCES employees (employee_id),
    reviewer_id TEXT NOT NULL,
    review_period TEXT NOT NULL,
    review_date TEXT NOT NULL,
    overall_rating TEXT NOT NULL,
    technical_skills INTEGER NOT NULL,
    communication INTEGER NOT NULL,
    teamwork INTEGER NOT NULL,
    leadership INTEGER NOT NULL,
    -- The three lists are JSON arrays of texts.
    goals_achieved TEXT NOT NULL,
    areas_for_improvement TEXT NOT NULL,
    next_period_goals TEXT NOT NULL,
    comments TEXT NOT NULL
) STRICT;

CREATE INDEX performance_reviews_by_employee ON performance_reviews (employee_id);
