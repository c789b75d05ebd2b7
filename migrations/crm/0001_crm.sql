-- The CRM server's data. A written id is its number and nothing else; the checks keep the two
-- together. assigned_to and created_by are no foreign keys: they may name somebody who is not in
-- this file.

CREATE TABLE customers (
    number INTEGER PRIMARY KEY,
    customer_id TEXT NOT NULL UNIQUE CHECK (customer_id = printf('CUST-%03d', number)),
    company_name TEXT NOT NULL,
    contact_person TEXT NOT NULL,
    email_address TEXT NOT NULL,
    -- The address in lower case by all of Unicode, which SQLite itself does for ASCII only.
    caseless_email_address TEXT NOT NULL UNIQUE,
    phone_number TEXT NOT NULL,
    industry TEXT NOT NULL,
    company_size TEXT NOT NULL,
    annual_revenue REAL NOT NULL CHECK (annual_revenue >= 0),
    lead_source TEXT NOT NULL,
    status TEXT NOT NULL,
    created_date TEXT NOT NULL,
    last_contact_date TEXT NOT NULL,
    notes TEXT NOT NULL
) STRICT;

CREATE TABLE interactions (
    number INTEGER PRIMARY KEY,
    interaction_id TEXT NOT NULL UNIQUE CHECK (interaction_id = printf('INT-%03d', number)),
    customer_id TEXT NOT NULL REFERENCES customers (customer_id),
    interaction_type TEXT NOT NULL,
    subject TEXT NOT NULL,
    description TEXT NOT NULL,
    outcome TEXT NOT NULL,
    next_action TEXT NOT NULL,
    interaction_date TEXT NOT NULL,
    created_by TEXT NOT NULL,
    duration_minutes INTEGER CHECK (duration_minutes >= 0),
    notes TEXT NOT NULL
) STRICT;

CREATE INDEX interactions_by_customer ON interactions (customer_id);
CREATE INDEX interactions_by_date ON interactions (interaction_date);

CREATE TABLE opportunities (
    number INTEGER PRIMARY KEY,
    opportunity_id TEXT NOT NULL UNIQUE CHECK (opportunity_id = printf('OPP-%03d', number)),
    customer_id TEXT NOT NULL REFERENCES customers (customer_id),
    opportunity_name TEXT NOT NULL,
    description TEXT NOT NULL,
    value REAL NOT NULL CHECK (value > 0),
    probability REAL NOT NULL CHECK (probability BETWEEN 0 AND 100),
    stage TEXT NOT NULL,
    expected_close_date TEXT NOT NULL,
    created_date TEXT NOT NULL,
    assigned_to TEXT NOT NULL,
    lead_source TEXT NOT NULL,
    notes TEXT NOT NULL
) STRICT;

CREATE INDEX opportunities_by_customer ON opportunities (customer_id);

CREATE TABLE deals (
    number INTEGER PRIMARY KEY,
    deal_id TEXT NOT NULL UNIQUE CHECK (deal_id = printf('DEAL-%03d', number)),
    opportunity_id TEXT NOT NULL REFERENCES opportunities (opportunity_id),
    deal_value REAL NOT NULL CHECK (deal_value > 0),
    deal_stage TEXT NOT NULL,
    probability_percentage REAL NOT NULL CHECK (probability_percentage BETWEEN 0 AND 100),
    expected_revenue REAL NOT NULL CHECK (expected_revenue >= 0),
    close_date TEXT NOT NULL,
    created_date TEXT NOT NULL,
    last_updated TEXT NOT NULL,
    notes TEXT NOT NULL
) STRICT;

CREATE INDEX deals_by_opportunity ON deals (opportunity_id);
