//! The content of a site's task definition: as it is registered, and in the form in which it is compared.

use crate::cloud::task::STREAM_PREFIX;
use crate::resource::secret::SALTS;
use crate::resource::target_group::PORT;
use crate::resource::{Context, Kind, code};
use aws_sdk_ecs::types::{
    Compatibility, ContainerDefinition, EfsAuthorizationConfig, EfsAuthorizationConfigIam,
    EfsTransitEncryption, EfsVolumeConfiguration, HealthCheck, KernelCapabilities, KeyValuePair,
    LinuxParameters, LogConfiguration, LogDriver, MountPoint, NetworkMode, PortMapping, Secret,
    TaskDefinition, TaskDefinitionStatus, Tmpfs, TransportProtocol, Volume,
};
use serde_json::{Map, Value, json};
use site_job::protocol::{CODE_VARIABLE, Code};
use std::collections::HashMap;

/// The one container of a site's task.
pub(in crate::resource) const CONTAINER: &str = "wordpress";
/// The image's own user. EFS maps whoever comes to the access point's user.
pub(crate) const USER: &str = "10001:10001";
pub(crate) const UPLOADS: &str = "/srv/uploads";
const UPLOADS_VOLUME: &str = "uploads";
/// The only places that the image writes to, beside uploads, and their sizes in MiB. None of them is in the image, whose mode the
/// mount would take over from engines that do that. They live in memory, which a task
/// pays only for what is written: a request's body (64 MiB at most) lies in `/tmp` twice, as nginx's and PHP's, and the site's
/// own plugins and themes in `/srv/code`.
/// Fargate has tmpfs since January 2026 (AWS, "Amazon ECS now supports tmpfs mounts on AWS Fargate").
pub(crate) const TEMPORARY: [(&str, i32); 3] = [("/run", 16), ("/srv/code", 256), ("/tmp", 192)];
/// How they are mounted.
pub(crate) const TEMPORARY_OPTIONS: [&str; 5] = ["rw", "noexec", "nosuid", "nodev", "mode=1777"];
/// Seconds between asking to stop and killing; nginx and PHP finish the requests they have.
pub(crate) const STOP_TIMEOUT: i32 = 30;

/// The definition as it is registered: the one place where its content stands.
pub(super) fn definition(context: &Context<'_>) -> TaskDefinition {
    let site = context.site();
    TaskDefinition::builder()
        .family(context.who.name())
        .requires_compatibilities(Compatibility::Fargate)
        .network_mode(NetworkMode::Awsvpc)
        .cpu(site.cpu.to_string())
        .memory(site.memory.to_string())
        .task_role_arn(context.known(Kind::TaskRole, "arn"))
        .execution_role_arn(context.known(Kind::ExecutionRole, "arn"))
        .volumes(uploads(context))
        .container_definitions(container(context))
        .build()
}

fn uploads(context: &Context<'_>) -> Volume {
    let through = EfsAuthorizationConfig::builder()
        .access_point_id(context.known(Kind::AccessPoint, "id"))
        .iam(EfsAuthorizationConfigIam::Enabled)
        .build();
    let file_system = EfsVolumeConfiguration::builder()
        .file_system_id(&context.cell.file_system_id)
        .transit_encryption(EfsTransitEncryption::Enabled)
        .authorization_config(through)
        .build()
        .expect("the file system's id is set");
    Volume::builder()
        .name(UPLOADS_VOLUME)
        .efs_volume_configuration(file_system)
        .build()
}

fn container(context: &Context<'_>) -> ContainerDefinition {
    let health = HealthCheck::builder()
        .set_command(Some(
            ["CMD", "/usr/local/bin/site-job", "healthcheck"]
                .map(str::to_owned)
                .to_vec(),
        ))
        .interval(10)
        .timeout(5)
        .retries(3)
        .start_period(30)
        .build()
        .expect("the command is set");
    let logs = LogConfiguration::builder()
        .log_driver(LogDriver::Awslogs)
        .set_options(Some(log_options(context)))
        .build()
        .expect("the driver is set");
    ContainerDefinition::builder()
        .name(CONTAINER)
        .image(&context.image)
        .essential(true)
        .user(USER)
        .readonly_root_filesystem(true)
        .port_mappings(
            PortMapping::builder()
                .container_port(PORT)
                .protocol(TransportProtocol::Tcp)
                .build(),
        )
        .set_environment(Some(environment(context)))
        .set_secrets(Some(secrets(context)))
        .mount_points(
            MountPoint::builder()
                .source_volume(UPLOADS_VOLUME)
                .container_path(UPLOADS)
                .build(),
        )
        .linux_parameters(linux())
        .log_configuration(logs)
        .health_check(health)
        .stop_timeout(STOP_TIMEOUT)
        .build()
}

/// No capability is needed: the image's program is its own init, listens above port 1024 and changes no user.
pub(crate) fn linux() -> LinuxParameters {
    let mounts = TEMPORARY.map(|(path, size)| {
        let options = TEMPORARY_OPTIONS.map(str::to_owned).to_vec();
        let mount = Tmpfs::builder()
            .container_path(path)
            .size(size)
            .set_mount_options(Some(options));
        mount.build().expect("path and size are set")
    });
    LinuxParameters::builder()
        .capabilities(KernelCapabilities::builder().drop("ALL").build())
        .set_tmpfs(Some(mounts.to_vec()))
        .build()
}

fn log_options(context: &Context<'_>) -> HashMap<String, String> {
    // A slow log service must not hold up visitors: lines wait in memory, and are dropped when that is full.
    let options = [
        ("awslogs-group", context.who.log_group()),
        ("awslogs-region", context.foundation.region.clone()),
        ("awslogs-stream-prefix", STREAM_PREFIX.to_owned()),
        ("mode", "non-blocking".to_owned()),
        ("max-buffer-size", "4m".to_owned()),
    ];
    options
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn environment(context: &Context<'_>) -> Vec<KeyValuePair> {
    let domains: Vec<_> = context
        .site()
        .domains
        .iter()
        .map(|domain| domain.as_str())
        .collect();
    let variables = [
        ("BBWS_ENVIRONMENT", context.who.environment.clone()),
        ("BBWS_MEMORY_MIB", context.site().memory.to_string()),
        ("BBWS_PREFIX", context.who.prefix()),
        ("BBWS_TENANT", context.who.tenant.to_string()),
        ("WP_DOMAINS", domains.join(",")),
        ("WP_HOME", context.home()),
    ];
    let code = code::of_tasks(context).map(|code| {
        let code = serde_json::to_string(&code).expect("it is made of text");
        (CODE_VARIABLE, code)
    });
    variables
        .into_iter()
        .chain(code)
        .map(|(name, value)| KeyValuePair::builder().name(name).value(value).build())
        .collect()
}

/// The administrator's password is for the install job; the image keeps it from every process that serves requests.
fn secrets(context: &Context<'_>) -> Vec<Secret> {
    let database = context.known(Kind::DatabaseSecret, "arn");
    let wordpress = context.known(Kind::WordpressSecret, "arn");
    let of_database = [
        ("DB_HOST", "host"),
        ("DB_PORT", "port"),
        ("DB_NAME", "dbname"),
        ("DB_USER", "username"),
        ("DB_PASSWORD", "password"),
    ];
    let of_database =
        of_database.map(|(name, field)| (name.to_owned(), format!("{database}:{field}::")));
    let salts = SALTS.map(|salt| {
        (
            format!("WP_{}", salt.to_uppercase()),
            format!("{wordpress}:{salt}::"),
        )
    });
    let admin = [(
        "WP_ADMIN_PASSWORD".to_owned(),
        format!("{wordpress}:admin_password::"),
    )];
    of_database
        .into_iter()
        .chain(salts)
        .chain(admin)
        .map(|(name, from)| {
            Secret::builder()
                .name(name)
                .value_from(from)
                .build()
                .expect("both are set")
        })
        .collect()
}

/// What both sides are compared by. Lists become maps, as ECS keeps no order; what ECS adds is left out; what nobody
/// of ours sets (a second container, an entry point, privileges) is told only when it is there.
pub(super) fn normalise(definition: &TaskDefinition) -> Value {
    let number = |text: Option<&str>| text.and_then(|text| text.parse::<u32>().ok());
    let containers = definition.container_definitions();
    let of = containers
        .iter()
        .find(|container| container.name() == Some(CONTAINER));
    let others: Vec<_> = containers
        .iter()
        .filter_map(|c| c.name())
        .filter(|name| *name != CONTAINER)
        .collect();
    let active = !matches!(
        definition.status(),
        Some(TaskDefinitionStatus::Inactive | TaskDefinitionStatus::DeleteInProgress)
    );
    json!({
        "family": definition.family(),
        "cpu": number(definition.cpu()),
        "memory": number(definition.memory()),
        "network_mode": definition.network_mode().map(NetworkMode::as_str),
        "task_role": definition.task_role_arn(),
        "execution_role": definition.execution_role_arn(),
        "volumes": definition.volumes().iter().map(volume).collect::<Map<_, _>>(),
        "container": of.map(normalise_container),
        "other_containers": (!others.is_empty()).then_some(others),
        "retired": (!active).then_some(true),
    })
}

fn volume(volume: &Volume) -> (String, Value) {
    let name = volume.name().unwrap_or_default().to_owned();
    let Some(efs) = volume.efs_volume_configuration() else {
        return (name, json!("of another kind"));
    };
    let through = efs.authorization_config();
    let value = json!({
        "file_system": efs.file_system_id(),
        "access_point": through.and_then(|config| config.access_point_id()),
        "iam": through.and_then(|config| config.iam()).map(EfsAuthorizationConfigIam::as_str),
        "transit_encryption": efs.transit_encryption().map(EfsTransitEncryption::as_str),
        // ECS may answer with the root that an access point leaves no choice about.
        "root": efs.root_directory().filter(|root| *root != "/"),
    });
    (name, value)
}

fn normalise_container(container: &ContainerDefinition) -> Value {
    let text = |text: &str| Value::from(text);
    let environment = container
        .environment()
        .iter()
        .filter_map(|v| Some((v.name()?.to_owned(), text(v.value()?))));
    let mut environment: Map<_, _> = environment.collect();
    let code: Option<Code> = environment
        .get(CODE_VARIABLE)
        .and_then(Value::as_str)
        .and_then(|text| serde_json::from_str(text).ok());
    if code.is_some() {
        environment.remove(CODE_VARIABLE);
    }
    let secrets = container
        .secrets()
        .iter()
        .map(|s| (s.name().to_owned(), text(s.value_from())));
    let mounts = container.mount_points().iter().filter_map(|mount| {
        let mode = if mount.read_only() == Some(true) {
            " read-only"
        } else {
            ""
        };
        Some((
            mount.container_path()?.to_owned(),
            Value::from(format!("{}{mode}", mount.source_volume()?)),
        ))
    });
    let ports: Vec<_> = container
        .port_mappings()
        .iter()
        .filter_map(|port| port.container_port())
        .collect();
    let linux = container.linux_parameters();
    let temporary = linux
        .into_iter()
        .flat_map(LinuxParameters::tmpfs)
        .map(|mount| {
            let mut options = mount.mount_options().to_vec();
            options.sort();
            (
                mount.container_path().to_owned(),
                json!({ "mebibytes": mount.size(), "options": options }),
            )
        });
    let capabilities = linux.and_then(|linux| linux.capabilities());
    let added = capabilities
        .map(KernelCapabilities::add)
        .filter(|added| !added.is_empty());
    json!({
        "image": container.image(),
        "user": container.user(),
        "read_only_root": container.readonly_root_filesystem() == Some(true),
        "privileged": container.privileged().filter(|privileged| *privileged),
        "command": Some(container.command()).filter(|command| !command.is_empty()),
        "entry_point": Some(container.entry_point()).filter(|entry_point| !entry_point.is_empty()),
        "ports": ports,
        "environment": environment,
        "code": code::normalise(code.as_ref()),
        "secrets": secrets.collect::<Map<_, _>>(),
        "mounts": mounts.collect::<Map<_, _>>(),
        "temporary": temporary.collect::<Map<_, _>>(),
        "capabilities_dropped": capabilities.map(KernelCapabilities::drop),
        "capabilities_added": added,
        "log": container.log_configuration().map(log),
        "health_check": container.health_check().map(|check| json!({
            "command": check.command(),
            "interval_seconds": check.interval(),
            "timeout_seconds": check.timeout(),
            "retries": check.retries(),
            "start_period_seconds": check.start_period(),
        })),
        "stop_timeout_seconds": container.stop_timeout(),
    })
}

fn log(log: &LogConfiguration) -> Value {
    let options = log
        .options()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.clone(), Value::from(value.as_str())));
    json!({ "driver": log.log_driver().as_str(), "options": options.collect::<Map<_, _>>() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan;
    use crate::resource::sample::Sample;

    #[test]
    fn what_ecs_adds_and_reorders_is_no_difference() {
        let sample = Sample::new();
        let context = sample.context();
        let mut answered = definition(&context);
        answered.revision = 7;
        answered.status = Some(TaskDefinitionStatus::Active);
        answered.compatibilities = Some(vec![Compatibility::Ec2, Compatibility::Fargate]);
        let efs = answered.volumes.as_mut().unwrap()[0]
            .efs_volume_configuration
            .as_mut()
            .unwrap();
        efs.root_directory = Some("/".to_owned());
        let container = &mut answered.container_definitions.as_mut().unwrap()[0];
        container.cpu = 0;
        container.environment.as_mut().unwrap().reverse();
        container.secrets.as_mut().unwrap().reverse();
        container.port_mappings.as_mut().unwrap()[0].host_port = Some(PORT);
        container.mount_points.as_mut().unwrap()[0].read_only = Some(false);
        assert_eq!(
            plan::differences(&normalise(&answered), &normalise(&definition(&context))),
            []
        );
        assert_eq!(
            normalise(&answered).to_string(),
            normalise(&definition(&context)).to_string()
        );
    }

    #[test]
    fn the_image_is_tested_with_the_variables_of_its_tasks() {
        let sample = Sample::new();
        let definition = definition(&sample.context());
        let container = &definition.container_definitions()[0];
        let plain = container.environment().iter().filter_map(|v| v.name());
        let secret = container.secrets().iter().map(Secret::name);
        let mut names: Vec<_> = plain.chain(secret).collect();
        names.sort_unstable();
        assert_eq!(names, crate::image::test::variable_names());
    }

    #[test]
    fn what_somebody_changed_is_named() {
        let sample = Sample::new();
        let context = sample.context();
        let changed = |change: fn(&mut TaskDefinition)| {
            let mut answered = definition(&context);
            change(&mut answered);
            let differences =
                plan::differences(&normalise(&answered), &normalise(&definition(&context)));
            differences
                .into_iter()
                .map(|difference| difference.path)
                .collect::<Vec<_>>()
        };
        assert_eq!(changed(|td| td.cpu = Some("512".to_owned())), ["cpu"]);
        assert_eq!(
            changed(|td| td.status = Some(TaskDefinitionStatus::Inactive)),
            ["retired"]
        );
        let privileged = |td: &mut TaskDefinition| {
            td.container_definitions.as_mut().unwrap()[0].privileged = Some(true);
        };
        assert_eq!(changed(privileged), ["container.privileged"]);
        let debug = |td: &mut TaskDefinition| {
            let variables = td.container_definitions.as_mut().unwrap()[0]
                .environment
                .as_mut()
                .unwrap();
            variables.push(KeyValuePair::builder().name("WP_DEBUG").value("1").build());
        };
        assert_eq!(changed(debug), ["container.environment.WP_DEBUG"]);
    }
}
