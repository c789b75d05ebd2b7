//! The team in SQL.

use sqlx::SqliteConnection;

use crate::team::TeamMember;

/// The number of the next member; stays the next one while a transaction that writes lasts.
pub(crate) async fn next_number(connection: &mut SqliteConnection) -> sqlx::Result<i64> {
    sqlx::query_scalar("SELECT COALESCE(MAX(number), 0) + 1 FROM team_members").fetch_one(connection).await
}

/// Stores a member under an id whose number is `number`.
pub(crate) async fn insert(connection: &mut SqliteConnection, number: i64, member: &TeamMember) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO team_members (number, member_id, name, role, email, skills, availability_hours, \
         current_projects, join_date) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(number)
    .bind(&member.member_id)
    .bind(&member.name)
    .bind(&member.role)
    .bind(member.email.as_str())
    .bind(member.skills.to_column())
    .bind(f64::from(member.availability_hours))
    .bind(member.current_projects.to_column())
    .bind(member.join_date.to_string())
    .execute(connection)
    .await
    .map(drop)
}
