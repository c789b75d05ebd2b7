//! Customers: their record, the rules of adding one and of changing its status, and looking them up.
//! The SQL is in [`crate::storage::customers`].

use bailiwick_mcp_servers::arguments::{Flawed, Problems};
use bailiwick_mcp_servers::database::Database;
use bailiwick_mcp_servers::fields::{Date, Email, Id, Line, Name, NotNegative, Notes, PhoneNumber};
use bailiwick_mcp_servers::records::{MOST_READ, cut, written_id};
use bailiwick_mcp_servers::tool::ToolError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::SqliteConnection;

use crate::storage;

/// A customer's id as a caller writes it.
pub(crate) type CustomerId = Id;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(rename_all = "snake_case")]
pub(crate) enum CustomerStatus {
    Prospect,
    Active,
    Inactive,
    Churned,
}

/// A customer as stored and shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, sqlx::FromRow)]
#[serde(deny_unknown_fields)]
pub(crate) struct Customer {
    pub(crate) customer_id: String,
    pub(crate) company_name: String,
    pub(crate) contact_person: String,
    #[sqlx(try_from = "String")]
    pub(crate) email_address: Email,
    pub(crate) phone_number: String,
    pub(crate) industry: String,
    pub(crate) company_size: String,
    #[sqlx(try_from = "f64")]
    pub(crate) annual_revenue: NotNegative,
    pub(crate) lead_source: String,
    pub(crate) status: CustomerStatus,
    #[sqlx(try_from = "String")]
    pub(crate) created_date: Date,
    #[sqlx(try_from = "String")]
    pub(crate) last_contact_date: Date,
    pub(crate) notes: String,
}

/// A customer to add.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewCustomer {
    /// Name of the company.
    pub(crate) company_name: Line<200>,
    /// Whom to speak to there.
    pub(crate) contact_person: Name,
    /// E-mail address of the contact; no two customers share one, whatever its case.
    pub(crate) email_address: Email,
    /// Phone number of the contact.
    pub(crate) phone_number: PhoneNumber,
    /// Trade, such as Manufacturing.
    pub(crate) industry: Name,
    /// How large it is, such as 100-500 employees.
    pub(crate) company_size: Name,
    /// Revenue a year, not below 0.
    pub(crate) annual_revenue: NotNegative,
    /// How it was found, such as Referral.
    pub(crate) lead_source: Name,
    /// Anything else.
    pub(crate) notes: Option<Notes>,
}

/// What has become of a customer.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StatusUpdate {
    /// Id of the customer, such as CUST-001.
    pub(crate) customer_id: CustomerId,
    /// Its status from now on.
    pub(crate) new_status: CustomerStatus,
    /// Takes the place of its notes; as they were where nothing is said.
    pub(crate) notes: Option<Notes>,
}

/// Which customers to look up; what is given must all be true of them.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CustomerFilter {
    /// Only the customer with this id.
    pub(crate) customer_id: Option<CustomerId>,
    /// Only customers with this status.
    pub(crate) status: Option<CustomerStatus>,
    /// Only customers of this trade.
    pub(crate) industry: Option<Name>,
}

/// Customers that were looked up.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct CustomerList {
    /// In the order of their ids.
    pub(crate) customers: Vec<Customer>,
    /// How many are listed here.
    pub(crate) count: usize,
    /// Why the list is empty, or that it is cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
}

impl NewCustomer {
    /// The record of the customer, a prospect, under that id, from the day that it is written down.
    fn won_as(self, customer_id: String, today: Date) -> Customer {
        Customer {
            customer_id,
            company_name: self.company_name.into(),
            contact_person: self.contact_person.into(),
            email_address: self.email_address,
            phone_number: self.phone_number.into(),
            industry: self.industry.into(),
            company_size: self.company_size.into(),
            annual_revenue: self.annual_revenue,
            lead_source: self.lead_source.into(),
            status: CustomerStatus::Prospect,
            created_date: today,
            last_contact_date: today,
            notes: self.notes.map(String::from).unwrap_or_default(),
        }
    }
}

/// Adds a customer, who is a prospect from now on.
pub(crate) async fn add(database: &Database, new: NewCustomer, today: Date) -> Result<Customer, ToolError> {
    let mut transaction = database.write().await?;
    if storage::customers::has_email(&mut transaction, &new.email_address).await? {
        return Err(taken_email().into());
    }
    let number = storage::customers::next_number(&mut transaction).await?;
    let customer = new.won_as(written_id("CUST", number), today);
    storage::customers::insert(&mut transaction, number, &customer).await?;
    transaction.commit().await?;
    Ok(customer)
}

/// Adds to what is wrong with a new customer that its address is taken, if so.
pub(crate) async fn refuse_new(database: &Database, flawed: Flawed) -> ToolError {
    let email: Option<Email> = flawed.field("email_address");
    let objections = async {
        let Some(email) = email else { return Ok(Problems::default()) };
        let is_taken = storage::customers::has_email(&mut *database.read().await?, &email).await?;
        Ok(if is_taken { taken_email() } else { Problems::default() })
    };
    ToolError::flawed(flawed, objections).await
}

/// Writes down what has become of a customer, who was in contact `today`, and gives the whole record.
pub(crate) async fn update_status(
    database: &Database,
    update: StatusUpdate,
    today: Date,
) -> Result<Customer, ToolError> {
    let mut transaction = database.write().await?;
    let Some(customer) = storage::customers::get(&mut transaction, &update.customer_id).await? else {
        return Err(unknown_customer().into());
    };
    let customer = Customer {
        status: update.new_status,
        last_contact_date: today,
        notes: update.notes.map_or(customer.notes, String::from),
        ..customer
    };
    storage::customers::update(&mut transaction, &customer).await?;
    transaction.commit().await?;
    Ok(customer)
}

/// What speaks against doing something for this customer.
pub(crate) async fn objections(connection: &mut SqliteConnection, customer_id: &CustomerId) -> sqlx::Result<Problems> {
    let exists = storage::customers::get(connection, customer_id).await?.is_some();
    Ok(if exists { Problems::default() } else { unknown_customer() })
}

/// Adds to what is wrong with a call for a customer that there is none with this id, if so.
pub(crate) async fn refuse(database: &Database, flawed: Flawed) -> ToolError {
    let customer_id: Option<CustomerId> = flawed.field("customer_id");
    let objections = async {
        let Some(customer_id) = customer_id else { return Ok(Problems::default()) };
        objections(&mut *database.read().await?, &customer_id).await
    };
    ToolError::flawed(flawed, objections).await
}

/// Looks customers up.
pub(crate) async fn find(database: &Database, filter: &CustomerFilter) -> Result<CustomerList, ToolError> {
    let mut connection = database.read().await?;
    let mut customers = storage::customers::find(&mut connection, filter, MOST_READ).await?;
    let message = cut(&mut customers, "customers", || nothing_found(filter));
    Ok(CustomerList { count: customers.len(), customers, message })
}

fn nothing_found(filter: &CustomerFilter) -> String {
    match filter {
        CustomerFilter { customer_id: Some(id), status: None, industry: None } => {
            format!("There is no customer {}.", id.as_str())
        }
        CustomerFilter { customer_id: None, status: None, industry: None } => "There are no customers yet.".to_owned(),
        _ => "No customer fits all that was asked for.".to_owned(),
    }
}

fn taken_email() -> Problems {
    let mut problems = Problems::default();
    problems.add("email_address", "belongs to another customer already");
    problems
}

fn unknown_customer() -> Problems {
    let mut problems = Problems::default();
    problems.add("customer_id", "must be the id of a customer who exists");
    problems
}
