//! The CRM tools as MCP shows them. Each reads: take the arguments, do one thing of the domain, give
//! the result.

use std::sync::Arc;

use bailiwick_core::Clock;
use bailiwick_mcp_servers::arguments::{Flawed, NoArguments};
use bailiwick_mcp_servers::database::Database;
use bailiwick_mcp_servers::fields::Date;
use bailiwick_mcp_servers::tool::{Effect, InvalidTool, Presentation, ToolError, ToolSet};

use crate::customers::{self, Customer, CustomerFilter, CustomerList, NewCustomer, StatusUpdate};
use crate::interactions::{self, Interaction, InteractionFilter, InteractionList, NewInteraction};
use crate::opportunities::{self, NewOpportunity, Opportunity, OpportunityFilter, OpportunityList};
use crate::summary::{self, Summary};

/// What the CRM tools work on.
#[derive(Clone)]
pub(crate) struct Crm {
    pub(crate) database: Database,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Crm {
    fn today(&self) -> Date {
        Date::at(self.clock.now())
    }
}

/// All tools of this server.
pub(crate) fn tools() -> Result<ToolSet<Crm>, InvalidTool> {
    ToolSet::default()
        .with(
            Presentation {
                name: "get_customer_profiles",
                effect: Effect::Reads,
                title: "Look up customers",
                description: "Lists customers, all of them or those that fit every filter given: id, status, \
                              industry. At most 1000 are listed.",
            },
            get_customer_profiles,
        )?
        .with(
            Presentation {
                name: "add_customer_profile",
                effect: Effect::Adds,
                title: "Add a customer",
                description: "Adds a customer, who starts as a prospect, and returns the record with its new id \
                              (CUST-…). The e-mail address must not belong to another customer.",
            },
            add_customer_profile,
        )?
        .with(
            Presentation {
                name: "update_customer_status",
                effect: Effect::Changes,
                title: "Change a customer's status",
                description: "Sets the status of a customer and, where given, its notes, notes today (UTC) as its \
                              last contact, and returns the whole record.",
            },
            update_customer_status,
        )?
        .with(
            Presentation {
                name: "record_interaction",
                effect: Effect::Changes,
                title: "Record an interaction",
                description: "Writes down a call, an e-mail, a meeting, a demo or a proposal of today (UTC), which \
                              becomes the customer's last contact, and returns the record with its new id (INT-…).",
            },
            record_interaction,
        )?
        .with(
            Presentation {
                name: "get_interaction_history",
                effect: Effect::Reads,
                title: "Look up interactions",
                description: "Lists interactions, all of them or those that fit every filter given: customer, type, \
                              outcome. At most 1000 are listed.",
            },
            get_interaction_history,
        )?
        .with(
            Presentation {
                name: "create_sales_opportunity",
                effect: Effect::Adds,
                title: "Create an opportunity",
                description: "Writes down an opportunity to sell to a customer who exists, and returns the record \
                              with its new id (OPP-…).",
            },
            create_sales_opportunity,
        )?
        .with(
            Presentation {
                name: "get_sales_opportunities",
                effect: Effect::Reads,
                title: "Look up opportunities",
                description: "Lists opportunities, all of them or those that fit every filter given: id, stage, \
                              customer. At most 1000 are listed.",
            },
            get_sales_opportunities,
        )?
        .with(
            Presentation {
                name: "get_crm_summary",
                effect: Effect::Reads,
                title: "Summarise CRM",
                description: "Counts customers, opportunities and interactions, those of the last 30 days apart, and \
                              adds up what the opportunities are worth, in full and by their probability.",
            },
            get_crm_summary,
        )
}

async fn get_customer_profiles(crm: Crm, given: Result<CustomerFilter, Flawed>) -> Result<CustomerList, ToolError> {
    customers::find(&crm.database, &given?).await
}

async fn add_customer_profile(crm: Crm, given: Result<NewCustomer, Flawed>) -> Result<Customer, ToolError> {
    match given {
        Ok(new) => customers::add(&crm.database, new, crm.today()).await,
        Err(flawed) => Err(customers::refuse_new(&crm.database, flawed).await),
    }
}

async fn update_customer_status(crm: Crm, given: Result<StatusUpdate, Flawed>) -> Result<Customer, ToolError> {
    match given {
        Ok(update) => customers::update_status(&crm.database, update, crm.today()).await,
        Err(flawed) => Err(customers::refuse(&crm.database, flawed).await),
    }
}

async fn record_interaction(crm: Crm, given: Result<NewInteraction, Flawed>) -> Result<Interaction, ToolError> {
    match given {
        Ok(new) => interactions::record(&crm.database, new, crm.today()).await,
        Err(flawed) => Err(customers::refuse(&crm.database, flawed).await),
    }
}

async fn get_interaction_history(
    crm: Crm,
    given: Result<InteractionFilter, Flawed>,
) -> Result<InteractionList, ToolError> {
    interactions::find(&crm.database, &given?).await
}

async fn create_sales_opportunity(crm: Crm, given: Result<NewOpportunity, Flawed>) -> Result<Opportunity, ToolError> {
    match given {
        Ok(new) => opportunities::create(&crm.database, new, crm.today()).await,
        Err(flawed) => Err(customers::refuse(&crm.database, flawed).await),
    }
}

async fn get_sales_opportunities(
    crm: Crm,
    given: Result<OpportunityFilter, Flawed>,
) -> Result<OpportunityList, ToolError> {
    opportunities::find(&crm.database, &given?).await
}

async fn get_crm_summary(crm: Crm, given: Result<NoArguments, Flawed>) -> Result<Summary, ToolError> {
    given?;
    summary::summarise(&crm.database, crm.today()).await
}

#[cfg(test)]
mod tests;
