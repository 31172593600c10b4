//! The credential report. Source: IAM User Guide, "Generate credential reports for your AWS account".
//!
//! What is kept is that a report was asked for; what it says is read when it is fetched, so that it is never older than it
//! claims to be. Like AWS's, it has to be asked for anew after four hours.

use std::time::Duration;

use strongroom_api_iam as api;
use strongroom_types::Timestamp;

use super::entity::{Entity as _, Kind};
use super::error::IamError;
use super::row::{self, LastUseRow, ReportRow, UserRow};
use super::settings::password_policy;
use super::view::{Change, View};
use super::{access_key, mfa, root_key, user};

/// The columns, in AWS's order.
const COLUMNS: [&str; 22] = [
    "user",
    "arn",
    "user_creation_time",
    "password_enabled",
    "password_last_used",
    "password_last_changed",
    "password_next_rotation",
    "mfa_active",
    "access_key_1_active",
    "access_key_1_last_rotated",
    "access_key_1_last_used_date",
    "access_key_1_last_used_region",
    "access_key_1_last_used_service",
    "access_key_2_active",
    "access_key_2_last_rotated",
    "access_key_2_last_used_date",
    "access_key_2_last_used_region",
    "access_key_2_last_used_service",
    "cert_1_active",
    "cert_1_last_rotated",
    "cert_2_active",
    "cert_2_last_rotated",
];
/// How the root user is called in the report.
const ROOT: &str = "<root_account>";
/// Where there is nothing to say.
const NONE: &str = "N/A";
/// What is said of a root user's password.
const NOT_SUPPORTED: &str = "not_supported";
/// How long a report is good. Source: as above: "as often as once every four hours".
const LIFE: Duration = Duration::from_secs(4 * 60 * 60);

fn is_current(report: &ReportRow, now: Timestamp) -> bool {
    now.since(Timestamp::from_millis(report.asked_millis)) < LIFE
}

pub(crate) async fn generate_credential_report(
    change: &mut Change,
    _input: &api::GenerateCredentialReportInput,
) -> Result<api::GenerateCredentialReportOutput, IamError> {
    let asked: Option<ReportRow> = change.view.get(row::REPORT).await?;
    let description = match asked {
        Some(asked) if is_current(&asked, change.view.now) => None,
        Some(_) | None => {
            change.put(row::REPORT.to_vec(), &ReportRow { asked_millis: change.view.now.as_millis() });
            change.touch(format!("arn:aws:iam::{}:root", change.view.account));
            Some("No report exists. Starting a new report generation task".to_owned())
        }
    };
    let state = Some(api::ReportStateType::Complete);
    Ok(api::GenerateCredentialReportOutput { state, description })
}

pub(crate) async fn get_credential_report(
    view: &View,
    _input: &api::GetCredentialReportInput,
) -> Result<api::GetCredentialReportOutput, IamError> {
    let asked: ReportRow = view.get(row::REPORT).await?.ok_or(IamError::NoReport)?;
    if !is_current(&asked, view.now) {
        return Err(IamError::ReportExpired);
    }
    let mut report = String::new();
    line(&mut report, COLUMNS.map(ToOwned::to_owned));
    line(&mut report, of_root(view).await?);
    for name in view.suffixes(&row::names(Kind::User)).await? {
        let Some(id) = view.id_of(Kind::User, &name).await? else { continue };
        // One that was deleted since the names were read is not there.
        let Some(user) = view.entity::<UserRow>(&id).await? else { continue };
        line(&mut report, of_user(view, &user).await?);
    }
    Ok(api::GetCredentialReportOutput {
        content: Some(report.into_bytes().into()),
        report_format: Some(api::ReportFormatType::TextCsv),
        generated_time: Some(view.now),
    })
}

/// One line. Names and paths may hold commas and quotation marks: those are quoted as in RFC 4180, section 2.
fn line(report: &mut String, fields: [String; COLUMNS.len()]) {
    if !report.is_empty() {
        report.push('\n');
    }
    for (place, field) in fields.into_iter().enumerate() {
        if place > 0 {
            report.push(',');
        }
        if field.contains([',', '"', '\n', '\r']) {
            report.push('"');
            report.push_str(&field.replace('"', "\"\""));
            report.push('"');
        } else {
            report.push_str(&field);
        }
    }
}

/// As AWS writes dates there.
fn date(at: Timestamp) -> String {
    at.to_iso8601_seconds().replace('Z', "+00:00")
}

fn none() -> String {
    NONE.to_owned()
}

async fn of_root(view: &View) -> Result<[String; COLUMNS.len()], IamError> {
    let root = user::root(&view.identity, view.account).await?;
    let has_mfa = !mfa::root_serials(view).await?.is_empty();
    let [first, second] = keys(view, root_key::list(view).await?).await?;
    let password = [NOT_SUPPORTED, "no_information", NOT_SUPPORTED, NOT_SUPPORTED].map(ToOwned::to_owned);
    let named = [ROOT.to_owned(), root.arn, root.create_date.map_or_else(none, date)];
    Ok(fields(named, password, has_mfa, first, second))
}

async fn of_user(view: &View, user: &UserRow) -> Result<[String; COLUMNS.len()], IamError> {
    let [first, second] = keys(view, access_key::keys_of(view, user).await?).await?;
    let named = [user.core.name.clone(), user.arn(view.account), date(user.core.created())];
    let has_mfa = !user.mfa_devices.is_empty();
    Ok(fields(named, password(view, user).await?, has_mfa, first, second))
}

/// Whether there is a password, when it was used and set last, and when it must be set anew.
async fn password(view: &View, user: &UserRow) -> Result<[String; 4], IamError> {
    let Some(profile) = &user.login_profile else {
        return Ok(["false".to_owned(), none(), none(), none()]);
    };
    let changed = Timestamp::from_millis(profile.changed_millis);
    let max_age_days = password_policy(view).await?.and_then(|policy| policy.max_age_days);
    let next = max_age_days
        .and_then(|days| u64::try_from(days).ok())
        .map_or_else(none, |days| date(changed.plus(Duration::from_secs(days.saturating_mul(24 * 60 * 60)))));
    Ok(["true".to_owned(), "no_information".to_owned(), date(changed), next])
}

/// What is said of the first two keys.
async fn keys(view: &View, mut keys: Vec<api::AccessKeyMetadata>) -> Result<[[String; 5]; 2], IamError> {
    keys.sort_by_key(|key| key.create_date);
    let mut keys = keys.into_iter();
    Ok([key(view, keys.next()).await?, key(view, keys.next()).await?])
}

async fn key(view: &View, key: Option<api::AccessKeyMetadata>) -> Result<[String; 5], IamError> {
    let Some(key) = key else { return Ok(["false".to_owned(), none(), none(), none(), none()]) };
    let id = key.access_key_id.unwrap_or_default();
    let used: Option<LastUseRow> = view.get(&row::last_use(&id)).await?;
    let active = key.status == Some(api::StatusType::Active);
    let rotated = key.create_date.map_or_else(none, date);
    let (at, region, service) = match used {
        Some(used) => (date(Timestamp::from_millis(used.at_millis)), used.region, used.service),
        None => (none(), none(), none()),
    };
    Ok([active.to_string(), rotated, at, region, service])
}

fn fields(
    [name, arn, created]: [String; 3],
    [enabled, used, changed, next]: [String; 4],
    has_mfa: bool,
    [active_1, rotated_1, used_1, region_1, service_1]: [String; 5],
    [active_2, rotated_2, used_2, region_2, service_2]: [String; 5],
) -> [String; COLUMNS.len()] {
    let no = || false.to_string();
    [
        name,
        arn,
        created,
        enabled,
        used,
        changed,
        next,
        has_mfa.to_string(),
        active_1,
        rotated_1,
        used_1,
        region_1,
        service_1,
        active_2,
        rotated_2,
        used_2,
        region_2,
        service_2,
        no(),
        none(),
        no(),
        none(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_commas_and_quotation_marks_stay_one_field() {
        let mut report = String::new();
        let mut fields = std::array::from_fn(|_| String::new());
        fields[0] = "a,b".to_owned();
        fields[1] = "arn:aws:iam::1:user/\"x\"/a,b".to_owned();
        line(&mut report, fields);
        assert!(report.starts_with("\"a,b\",\"arn:aws:iam::1:user/\"\"x\"\"/a,b\",,"), "{report}");
    }
}
