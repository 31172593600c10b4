//! Virtual MFA devices. Source: IAM API Reference, operations on MFA devices.
//!
//! A device is known by its serial number, which is its ARN. It belongs to the account until a user, or the root user,
//! proves to have it: from then on it is theirs. Whoever signs as the root user names it by the account's number, where
//! operations must name a user.

use strongroom_api_iam as api;
use strongroom_gate::Caller;
use strongroom_types::{AccountId, Arn, Timestamp};
use zeroize::Zeroizing;

use super::entity::TagRow;
use super::error::{IamError, Missing, Obstacle};
use super::name::{self, check_name, check_path, tag_shapes};
use super::page::Page;
use super::row::{self, MfaRow, MfaUseRow, RootMfaRow, UserRow};
use super::second_factor::Device;
use super::settings::alias_of_account;
use super::totp::{Code, SEED_BYTES, Seed, step_of};
use super::view::{Change, View};
use super::{limits, qr, shape, tag, user};
use crate::IdentityError;

/// Stands for the root user where a unique id stands for others.
pub(crate) const ROOT: &str = "root";

impl MfaRow {
    /// Its serial number.
    pub(crate) fn arn(&self, account: AccountId) -> String {
        Arn::new("iam", "", &account.to_string(), &format!("mfa{}{}", self.path, self.name)).to_string()
    }

    fn enabled(&self) -> Option<Timestamp> {
        self.enabled_millis.map(Timestamp::from_millis)
    }
}

/// The name of the device that has a serial number, if that is one of the account's.
pub(super) fn device_name(account: AccountId, serial: &str) -> Option<&str> {
    let rest = serial.strip_prefix(&format!("arn:aws:iam::{account}:mfa/"))?;
    rest.rsplit('/').next()
}

fn no_device(serial: &str) -> IamError {
    IamError::NoSuch(Missing::MfaDevice(serial.to_owned()))
}

/// The device with a serial number.
///
/// # Errors
/// `NoSuchEntity`.
async fn device(view: &View, serial: &str) -> Result<Device, IamError> {
    let name = device_name(view.account, serial).ok_or_else(|| no_device(serial))?;
    let found = view.identity.device(view.account, name).await?;
    found.filter(|device| device.row.arn(view.account) == serial).ok_or_else(|| no_device(serial))
}

/// Whose devices a request is about.
enum Owner {
    Root,
    User(Box<UserRow>),
}

impl Owner {
    async fn of(view: &View, name: Option<&str>) -> Result<Self, IamError> {
        let is_root = matches!(view.caller, Caller::Root(_));
        let Some(name) = name else {
            if is_root {
                return Ok(Self::Root);
            }
            return Ok(Self::User(Box::new(view.named(view.caller_name()?).await?)));
        };
        match view.find(name).await? {
            Some(user) => Ok(Self::User(Box::new(user))),
            None if is_root && name == view.account.to_string() => Ok(Self::Root),
            None => Err(IamError::NoSuch(Missing::Entity(super::entity::Kind::User, name.to_owned()))),
        }
    }

    fn id(&self) -> &str {
        match self {
            Self::Root => ROOT,
            Self::User(user) => &user.core.id,
        }
    }

    /// Name as answers show it.
    fn name(&self, account: AccountId) -> String {
        match self {
            Self::Root => account.to_string(),
            Self::User(user) => user.core.name.clone(),
        }
    }

    async fn serials(&self, view: &View) -> Result<Vec<String>, IamError> {
        match self {
            Self::Root => root_serials(view).await,
            Self::User(user) => Ok(user.mfa_devices.clone()),
        }
    }

    /// Keeps whose devices these are.
    fn set_serials(self, change: &mut Change, serials: Vec<String>) {
        match self {
            Self::Root => {
                change.put(row::ROOT_MFA.to_vec(), &RootMfaRow { serials });
                change.touch(format!("arn:aws:iam::{}:root", change.view.account));
            }
            Self::User(mut user) => {
                user.mfa_devices = serials;
                change.save(&*user);
            }
        }
    }
}

/// Serial numbers of the root user's devices.
pub(crate) async fn root_serials(view: &View) -> Result<Vec<String>, IamError> {
    let row: Option<RootMfaRow> = view.get(row::ROOT_MFA).await?;
    Ok(row.unwrap_or_default().serials)
}

pub(crate) async fn create_virtual_mfa_device(
    change: &mut Change,
    input: &api::CreateVirtualMFADeviceInput,
) -> Result<api::CreateVirtualMFADeviceOutput, IamError> {
    let name = &input.virtual_mfa_device_name;
    let path = input.path.as_deref().unwrap_or("/");
    check_name(name)?;
    check_path(path)?;
    let (account, identity) = (change.view.account, change.view.identity.clone());
    if identity.device(account, name).await?.is_some() {
        return Err(IamError::MfaDeviceExists);
    }
    if change.counts.mfa_devices >= limits::USERS {
        let limit = usize::try_from(limits::USERS).unwrap_or(usize::MAX);
        return Err(IamError::Limit { quota: "MfaDevicesPerAccount", limit });
    }
    let tags = name::tag_rows(input.tags.as_deref())?;
    check_tags(&tags)?;
    let seed = Seed::new(Zeroizing::new(identity.random::<SEED_BYTES>().to_vec()));
    let mut device = MfaRow {
        name: name.clone(),
        path: path.to_owned(),
        sealed_seed: Vec::new(),
        created_millis: change.view.now.as_millis(),
        tags,
        holder: None,
        enabled_millis: None,
        drift_steps: 0,
    };
    device.sealed_seed = identity.seal_seed(account, &device, &seed);
    change.counts.mfa_devices = change.counts.mfa_devices.saturating_add(1);
    save(change, &device);
    let owner = alias_of_account(&identity, account).await?.unwrap_or_else(|| account.to_string());
    let base32 = seed.base32();
    let qr_code = qr::png(&otpauth(name, &owner, &base32)).ok_or(IdentityError::Damaged)?;
    let virtual_mfa_device = api::VirtualMfaDevice {
        serial_number: device.arn(account),
        base32_string_seed: Some(base32.as_bytes().to_vec().into()),
        qr_code_png: Some(qr_code.into()),
        user: None,
        enable_date: None,
        tags: tag_shapes(&device.tags),
    };
    Ok(api::CreateVirtualMFADeviceOutput { virtual_mfa_device })
}

/// What the QR code says. Source: IAM API Reference, `VirtualMFADevice`, `QRCodePNG`:
/// `otpauth://totp/$virtualMFADeviceName@$AccountName?secret=$Base32String`.
fn otpauth(name: &str, owner: &str, base32: &str) -> Zeroizing<String> {
    let label = shape::document(&format!("{name}@{owner}"));
    Zeroizing::new(format!("otpauth://totp/{label}?secret={base32}&issuer=Strongroom"))
}

fn check_tags(tags: &[TagRow]) -> Result<(), IamError> {
    if tags.len() > limits::TAGS {
        return Err(IamError::Limit { quota: "TagsPerMFADevice", limit: limits::TAGS });
    }
    Ok(())
}

fn save(change: &mut Change, device: &MfaRow) {
    change.put(row::mfa_device(&device.name), device);
    change.touch(device.arn(change.view.account));
}

pub(crate) async fn delete_virtual_mfa_device(
    change: &mut Change,
    input: &api::DeleteVirtualMFADeviceInput,
) -> Result<api::DeleteVirtualMFADeviceOutput, IamError> {
    let Device { row: device, .. } = device(&change.view, &input.serial_number).await?;
    if device.holder.is_some() {
        return Err(IamError::Conflict(Obstacle::MfaInUse));
    }
    change.delete(row::mfa_device(&device.name));
    change.delete(row::mfa_use(&device.name));
    change.counts.mfa_devices = change.counts.mfa_devices.saturating_sub(1);
    change.touch(device.arn(change.view.account));
    Ok(api::DeleteVirtualMFADeviceOutput {})
}

/// Checks two codes in a row, and sets the device's clock by them.
///
/// # Errors
/// `InvalidAuthenticationCode`; `EntityTemporarilyUnmodifiable` after too many wrong codes.
async fn set_clock(change: &mut Change, device: &mut Device, codes: (&str, &str)) -> Result<(), IamError> {
    let (identity, account) = (change.view.identity.clone(), change.view.account);
    let now = change.view.now;
    if device.used.is_locked(now) {
        return Err(IamError::MfaLocked);
    }
    let seed = identity.seed(account, &device.row)?;
    let step = step_of(now);
    let codes = Code::parse(codes.0).zip(Code::parse(codes.1));
    let second =
        codes.and_then(|(first, second)| seed.in_a_row(step, device.used.last_step, (&first, &second)));
    let Some(second) = second else {
        identity.note_wrong_code(account, &device.row.name, now).await?;
        return Err(IamError::AuthenticationCode);
    };
    device.row.drift_steps = second - step;
    let key = row::mfa_use(&device.row.name);
    change.hold(key.clone(), device.used_version);
    change.put(key, &MfaUseRow { last_step: Some(second), ..MfaUseRow::default() });
    Ok(())
}

pub(crate) async fn enable_mfa_device(
    change: &mut Change,
    input: &api::EnableMFADeviceInput,
) -> Result<api::EnableMFADeviceOutput, IamError> {
    let owner = Owner::of(&change.view, Some(&input.user_name)).await?;
    let mut device = device(&change.view, &input.serial_number).await?;
    if device.row.holder.is_some() {
        return Err(IamError::MfaInUse);
    }
    let mut serials = owner.serials(&change.view).await?;
    if serials.len() >= limits::MFA_DEVICES {
        return Err(IamError::Limit { quota: "MFADevicesPerUser", limit: limits::MFA_DEVICES });
    }
    set_clock(change, &mut device, (&input.authentication_code1, &input.authentication_code2)).await?;
    device.row.holder = Some(owner.id().to_owned());
    device.row.enabled_millis = Some(change.view.now.as_millis());
    save(change, &device.row);
    serials.push(input.serial_number.clone());
    owner.set_serials(change, serials);
    change.counts.mfa_devices_in_use = change.counts.mfa_devices_in_use.saturating_add(1);
    Ok(api::EnableMFADeviceOutput {})
}

/// A device that must be the owner's.
async fn device_of(view: &View, owner: &Owner, serial: &str) -> Result<Device, IamError> {
    let device = device(view, serial).await?;
    if device.row.holder.as_deref() == Some(owner.id()) {
        return Ok(device);
    }
    let user = owner.name(view.account);
    Err(IamError::NoSuch(Missing::MfaDeviceOf { serial: serial.to_owned(), user }))
}

pub(crate) async fn resync_mfa_device(
    change: &mut Change,
    input: &api::ResyncMFADeviceInput,
) -> Result<api::ResyncMFADeviceOutput, IamError> {
    let owner = Owner::of(&change.view, Some(&input.user_name)).await?;
    let mut device = device_of(&change.view, &owner, &input.serial_number).await?;
    set_clock(change, &mut device, (&input.authentication_code1, &input.authentication_code2)).await?;
    save(change, &device.row);
    Ok(api::ResyncMFADeviceOutput {})
}

/// What is known of the device's codes stays, so that none of them is good again once somebody enables it anew.
pub(crate) async fn deactivate_mfa_device(
    change: &mut Change,
    input: &api::DeactivateMFADeviceInput,
) -> Result<api::DeactivateMFADeviceOutput, IamError> {
    let owner = Owner::of(&change.view, input.user_name.as_deref()).await?;
    let Device { row: mut device, .. } = device_of(&change.view, &owner, &input.serial_number).await?;
    device.holder = None;
    device.enabled_millis = None;
    device.drift_steps = 0;
    save(change, &device);
    let mut serials = owner.serials(&change.view).await?;
    serials.retain(|serial| *serial != input.serial_number);
    owner.set_serials(change, serials);
    change.counts.mfa_devices_in_use = change.counts.mfa_devices_in_use.saturating_sub(1);
    Ok(api::DeactivateMFADeviceOutput {})
}

pub(crate) async fn list_mfa_devices(
    view: &View,
    input: &api::ListMFADevicesInput,
) -> Result<api::ListMFADevicesOutput, IamError> {
    let page = Page::of(input.marker.as_deref(), input.max_items)?;
    let owner = Owner::of(view, input.user_name.as_deref()).await?;
    let mut devices = Vec::new();
    for serial in owner.serials(view).await? {
        let row = match device_of(view, &owner, &serial).await {
            Ok(Device { row, .. }) => row,
            // One that was deactivated since its owner was read is not there.
            Err(IamError::NoSuch(_)) => continue,
            Err(error) => return Err(error),
        };
        let (user_name, enable_date) = (owner.name(view.account), row.enabled());
        devices.push(api::MfaDevice { user_name, serial_number: serial, enable_date });
    }
    let cut = page.cut(devices, |device| device.serial_number.clone());
    Ok(api::ListMFADevicesOutput {
        mfa_devices: cut.items,
        is_truncated: cut.is_truncated,
        marker: cut.marker,
    })
}

/// The user that has a device, as answers show it.
async fn holder_shape(view: &View, device: &MfaRow) -> Result<Option<Box<api::User>>, IamError> {
    Ok(match device.holder.as_deref() {
        None => None,
        Some(ROOT) => Some(Box::new(user::root(&view.identity, view.account).await?)),
        Some(id) => {
            let row: Option<UserRow> = view.entity(id).await?;
            row.map(|row| Box::new(shape::user(view.account, &row)))
        }
    })
}

pub(crate) async fn list_virtual_mfa_devices(
    view: &View,
    input: &api::ListVirtualMFADevicesInput,
) -> Result<api::ListVirtualMFADevicesOutput, IamError> {
    let page = Page::of(input.marker.as_deref(), input.max_items)?;
    let wanted = |device: &MfaRow| match input.assignment_status {
        None | Some(api::AssignmentStatusType::Any) => true,
        Some(api::AssignmentStatusType::Assigned) => device.holder.is_some(),
        Some(api::AssignmentStatusType::Unassigned) => device.holder.is_none(),
    };
    let mut devices = Vec::new();
    for name in view.suffixes(row::MFA_DEVICES).await? {
        if page.after().is_some_and(|after| name.as_str() <= after) {
            continue;
        }
        let row: Option<MfaRow> = view.get(&row::mfa_device(&name)).await?;
        let Some(device) = row.filter(|device| wanted(device)) else { continue };
        let shape = api::VirtualMfaDevice {
            serial_number: device.arn(view.account),
            user: holder_shape(view, &device).await?,
            enable_date: device.enabled(),
            // Source: ListVirtualMFADevices: no tags; and the seed is never shown again.
            ..api::VirtualMfaDevice::default()
        };
        devices.push((name, shape));
        if devices.len() > page.limit() {
            break;
        }
    }
    let cut = page.full(devices, |(name, _)| name.clone()).map(|(_, shape)| shape);
    Ok(api::ListVirtualMFADevicesOutput {
        virtual_mfa_devices: cut.items,
        is_truncated: cut.is_truncated,
        marker: cut.marker,
    })
}

pub(crate) async fn get_mfa_device(
    view: &View,
    input: &api::GetMFADeviceInput,
) -> Result<api::GetMFADeviceOutput, IamError> {
    let owner = Owner::of(view, input.user_name.as_deref()).await?;
    let Device { row, .. } = device_of(view, &owner, &input.serial_number).await?;
    Ok(api::GetMFADeviceOutput {
        user_name: Some(owner.name(view.account)),
        serial_number: input.serial_number.clone(),
        enable_date: row.enabled(),
        certifications: None,
    })
}

pub(crate) async fn tag_mfa_device(
    change: &mut Change,
    input: &api::TagMFADeviceInput,
) -> Result<api::TagMFADeviceOutput, IamError> {
    let Device { row: mut device, .. } = device(&change.view, &input.serial_number).await?;
    tag::merge(&mut device.tags, name::tag_rows(Some(&input.tags))?);
    check_tags(&device.tags)?;
    save(change, &device);
    Ok(api::TagMFADeviceOutput {})
}

pub(crate) async fn untag_mfa_device(
    change: &mut Change,
    input: &api::UntagMFADeviceInput,
) -> Result<api::UntagMFADeviceOutput, IamError> {
    let Device { row: mut device, .. } = device(&change.view, &input.serial_number).await?;
    tag::strip(&mut device.tags, &input.tag_keys);
    save(change, &device);
    Ok(api::UntagMFADeviceOutput {})
}

pub(crate) async fn list_mfa_device_tags(
    view: &View,
    input: &api::ListMFADeviceTagsInput,
) -> Result<api::ListMFADeviceTagsOutput, IamError> {
    let page = Page::of(input.marker.as_deref(), input.max_items)?;
    let Device { row: device, .. } = device(view, &input.serial_number).await?;
    let cut = tag::list(&device.tags, &page);
    Ok(api::ListMFADeviceTagsOutput { tags: cut.items, is_truncated: cut.is_truncated, marker: cut.marker })
}
