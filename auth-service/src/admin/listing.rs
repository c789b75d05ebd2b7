//! Lists: `{"<name>": […], "next": null | "…"}`, with `?limit=` and `?after=`.

use actix_web::HttpRequest;
use serde::Deserialize;
use utoipa::IntoParams;

use super::error::AdminError;

/// The most items on one page.
const MOST: u32 = 1000;
/// The items on a page where nobody says how many.
const DEFAULT: u32 = 100;

/// Which part of a list is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// At most so many items: 1 to 1000, 100 where it is left out.
    #[serde(default = "default_limit")]
    pub limit: u32,
    /// Those after this name: the `next` of the page before.
    #[serde(default)]
    pub after: String,
}

fn default_limit() -> u32 {
    DEFAULT
}

impl Page {
    /// The page that the query asks for.
    pub fn of(request: &HttpRequest) -> Result<Self, AdminError> {
        let page = actix_web::web::Query::<Self>::from_query(request.query_string());
        let page = page.map_err(|error| AdminError::InvalidRequest(format!("the query: {error}")))?.into_inner();
        if (1..=MOST).contains(&page.limit) {
            Ok(page)
        } else {
            Err(AdminError::InvalidRequest(format!("limit is 1 to {MOST}")))
        }
    }

    /// Cuts `items`, which begin after [`Page::after`] and are one more than the limit where there
    /// is a next page; gives the name that the next page begins after.
    pub fn cut<T>(&self, items: &mut Vec<T>, name: impl Fn(&T) -> String) -> Option<String> {
        let limit = self.limit as usize;
        let more = items.len() > limit;
        items.truncate(limit);
        items.last().filter(|_| more).map(name)
    }

    /// This page of a list that is all in memory.
    pub fn of_all<T>(&self, items: Vec<T>, name: impl Fn(&T) -> String) -> (Vec<T>, Option<String>) {
        let after = items.into_iter().filter(|item| name(item).as_str() > self.after.as_str());
        let mut items: Vec<T> = after.take(self.limit as usize + 1).collect();
        let next = self.cut(&mut items, name);
        (items, next)
    }
}
