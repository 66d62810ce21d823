//! Tasks: file systems, roles, secrets.

use aws_sdk_ecs::config::Credentials;
use aws_sdk_ecs::types::{
    AwsVpcConfiguration, Compatibility, ContainerDefinition, EfsAuthorizationConfig,
    EfsVolumeConfiguration, LogConfiguration, LogDriver, MountPoint, NetworkConfiguration,
    NetworkMode, Secret, Task, Volume,
};
use aws_sdk_efs::types::{CreationInfo, PosixUser, RootDirectory};
use serde_json::{Value, json};

use crate::support::{foundation, role, root, story, text, until, with};

const LOGS: &str = "/test/tasks";

/// A container that runs a shell script of Debian's base system, with logs.
fn shell(script: &str) -> aws_sdk_ecs::types::builders::ContainerDefinitionBuilder {
    let logs = LogConfiguration::builder()
        .log_driver(LogDriver::Awslogs)
        .options("awslogs-group", LOGS)
        .options("awslogs-region", "af-south-1")
        .options("awslogs-stream-prefix", "t");
    ContainerDefinition::builder()
        .name("shell")
        .image("debian:trixie-slim")
        .entry_point("bash")
        .entry_point("-c")
        .command(script)
        .readonly_root_filesystem(true)
        .log_configuration(logs.build().expect("logs"))
}

/// A task definition of the smallest size.
async fn define(
    family: &str,
    container: ContainerDefinition,
    volumes: Vec<Volume>,
    task_role: &str,
    execution_role: &str,
) -> String {
    let ecs = aws_sdk_ecs::Client::new(&root("define"));
    let answer = ecs
        .register_task_definition()
        .family(family)
        .requires_compatibilities(Compatibility::Fargate)
        .network_mode(NetworkMode::Awsvpc)
        .cpu("256")
        .memory("512")
        .task_role_arn(task_role)
        .execution_role_arn(execution_role)
        .container_definitions(container)
        .set_volumes(Some(volumes))
        .send()
        .await
        .expect("the definition is taken");
    answer
        .task_definition
        .and_then(|definition| definition.task_definition_arn)
        .expect("it has an ARN")
}

/// Runs a task to its end; what became of it and the lines it wrote.
async fn run(definition: &str, foundation: &Value) -> (Task, Vec<String>) {
    let ecs = aws_sdk_ecs::Client::new(&root("run"));
    let network = AwsVpcConfiguration::builder()
        .subnets(text(foundation, "/network/subnets/0"))
        .build()
        .expect("a subnet");
    let started = ecs
        .run_task()
        .cluster("bbws-dev")
        .task_definition(definition)
        .network_configuration(
            NetworkConfiguration::builder()
                .awsvpc_configuration(network)
                .build(),
        )
        .send()
        .await
        .expect("the task starts");
    let arn = started.tasks()[0]
        .task_arn()
        .expect("it has an ARN")
        .to_owned();
    let task = until(40, async || {
        let answer = ecs
            .describe_tasks()
            .cluster("bbws-dev")
            .tasks(&arn)
            .send()
            .await
            .expect("the task is known");
        let task = answer.tasks()[0].clone();
        if task.last_status() == Some("STOPPED") {
            Ok(task)
        } else {
            Err(task.last_status)
        }
    })
    .await;
    let id = arn.rsplit('/').next().expect("an id").to_owned();
    (task, log_of(&id).await)
}

/// Lines of a task that said `end`, or none if it never started.
async fn log_of(task: &str) -> Vec<String> {
    let logs = aws_sdk_cloudwatchlogs::Client::new(&root("logs"));
    let mut lines = Vec::new();
    for _ in 0..20 {
        let stream = format!("t/shell/{task}");
        if let Ok(answer) = logs
            .get_log_events()
            .log_group_name(LOGS)
            .log_stream_name(stream)
            .send()
            .await
        {
            lines = answer
                .events()
                .iter()
                .filter_map(|event| event.message.clone())
                .collect();
        }
        if lines.last().is_some_and(|line| line == "end") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    lines
}

async fn log_group() {
    // Another story may have made it.
    let _ = aws_sdk_cloudwatchlogs::Client::new(&root("logs"))
        .create_log_group()
        .log_group_name(LOGS)
        .send()
        .await;
}

fn logging() -> Value {
    json!({"Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": "*"})
}

async fn access_point(file_system: &str, tenant: &str, uid: i64) -> String {
    let owner = CreationInfo::builder()
        .owner_uid(uid)
        .owner_gid(uid)
        .permissions("0700")
        .build()
        .expect("an owner");
    let efs = aws_sdk_efs::Client::new(&root("access-point"));
    let made = efs
        .create_access_point()
        .client_token(tenant)
        .file_system_id(file_system)
        .posix_user(
            PosixUser::builder()
                .uid(uid)
                .gid(uid)
                .build()
                .expect("a user"),
        )
        .root_directory(
            RootDirectory::builder()
                .path(format!("/tenants/{tenant}"))
                .creation_info(owner)
                .build(),
        );
    made.send()
        .await
        .expect("the access point is made")
        .access_point_id
        .expect("it has an id")
}

fn volume(file_system: &str, point: Option<&str>) -> Volume {
    let mut config = EfsVolumeConfiguration::builder().file_system_id(file_system);
    if let Some(point) = point {
        config = config.authorization_config(
            EfsAuthorizationConfig::builder()
                .access_point_id(point)
                .build(),
        );
    }
    Volume::builder()
        .name("files")
        .efs_volume_configuration(config.build().expect("a volume"))
        .build()
}

fn mounted(at: &str) -> MountPoint {
    MountPoint::builder()
        .source_volume("files")
        .container_path(at)
        .build()
}

#[test]
fn a_tenants_files_stay_and_another_tenant_cannot_read_them() {
    story(async {
        let foundation = foundation().await;
        log_group().await;
        let file_system = text(&foundation, "/cells/0/file_system_id");
        let (acme, bolt) = (
            access_point(file_system, "acme", 2001).await,
            access_point(file_system, "bolt", 2002).await,
        );
        let (task, execution) = (
            role("files-task", json!([])).await,
            role("files-execution", json!([logging()])).await,
        );
        let in_files = |script: &str| shell(script).mount_points(mounted("/files")).build();

        let writes = in_files(
            "echo secret >/files/note; stat -c '%u:%a' /files; touch /elsewhere || echo read-only; echo end",
        );
        let definition = define(
            "writes",
            writes,
            vec![volume(file_system, Some(&acme))],
            &task,
            &execution,
        )
        .await;
        let (_, lines) = run(&definition, &foundation).await;
        assert!(
            lines.contains(&"2001:700".to_owned()) && lines.contains(&"read-only".to_owned()),
            "{lines:?}"
        );

        let reads = in_files("cat /files/note; echo end");
        let definition = define(
            "reads",
            reads,
            vec![volume(file_system, Some(&acme))],
            &task,
            &execution,
        )
        .await;
        assert_eq!(
            run(&definition, &foundation).await.1,
            ["secret", "end"],
            "a later task finds the file"
        );

        // Bolt's access point shows nothing of acme's; even the whole file system, mounted by bolt's user, does not.
        let reads = in_files("ls /files; echo end");
        let definition = define(
            "other",
            reads,
            vec![volume(file_system, Some(&bolt))],
            &task,
            &execution,
        )
        .await;
        assert_eq!(run(&definition, &foundation).await.1, ["end"]);
        let prowls = shell("cat /files/tenants/acme/note || echo denied; echo end")
            .mount_points(mounted("/files"))
            .user("2002:2002");
        let definition = define(
            "prowls",
            prowls.build(),
            vec![volume(file_system, None)],
            &task,
            &execution,
        )
        .await;
        let lines = run(&definition, &foundation).await.1;
        assert!(
            lines.contains(&"denied".to_owned()) && !lines.contains(&"secret".to_owned()),
            "{lines:?}"
        );
    });
}

#[test]
fn a_task_acts_as_its_role_and_nothing_more() {
    story(async {
        let foundation = foundation().await;
        log_group().await;
        let bucket = text(&foundation, "/artifacts/bucket");
        let key = text(&foundation, "/encryption/key_arn");
        let task = role(
            "acting-task",
            json!([
            {"Effect": "Allow", "Action": "s3:PutObject", "Resource": format!("arn:aws:s3:::{bucket}/tenants/acme/*")},
            {"Effect": "Allow", "Action": ["kms:GenerateDataKey", "kms:Decrypt"], "Resource": key}]),
        );
        let (task, execution) = (
            task.await,
            role("acting-execution", json!([logging()])).await,
        );
        // An HTTP client of bash alone: asks the credentials endpoint as an SDK would.
        let script = r#"uri=${AWS_CONTAINER_CREDENTIALS_FULL_URI#http://}; at=${uri%%/*}; exec 3<>/dev/tcp/${at%:*}/${at#*:}
            printf 'GET /%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: %s\r\n\r\n' "${uri#*/}" "$AWS_CONTAINER_AUTHORIZATION_TOKEN" >&3
            cat <&3; echo; echo "$AWS_REGION $AWS_ENDPOINT_URL"; echo end"#;
        let definition = define("acting", shell(script).build(), vec![], &task, &execution).await;
        let (_, lines) = run(&definition, &foundation).await;
        let answer = lines
            .iter()
            .find(|line| line.starts_with('{'))
            .expect("the endpoint answers JSON");
        let answer: Value = serde_json::from_str(answer).expect("it is JSON");
        assert_eq!(text(&answer, "/RoleArn"), task);
        assert!(
            lines.contains(&format!(
                "af-south-1 {}",
                crate::support::cloud().endpoint()
            )),
            "{lines:?}"
        );

        let credentials = Credentials::new(
            text(&answer, "/AccessKeyId"),
            text(&answer, "/SecretAccessKey"),
            Some(text(&answer, "/Token").to_owned()),
            None,
            "task",
        );
        let s3 = aws_sdk_s3::Client::from_conf(
            aws_sdk_s3::config::Builder::from(&with("acting", credentials))
                .force_path_style(true)
                .build(),
        );
        s3.put_object()
            .bucket(bucket)
            .key("tenants/acme/x")
            .send()
            .await
            .expect("its own prefix may be written");
        let refused = s3
            .put_object()
            .bucket(bucket)
            .key("tenants/bolt/x")
            .send()
            .await
            .expect_err("another's may not");
        assert_eq!(
            refused.into_service_error().meta().code(),
            Some("AccessDenied")
        );
    });
}

#[test]
fn a_secret_needs_the_execution_role() {
    story(async {
        let foundation = foundation().await;
        log_group().await;
        let key = text(&foundation, "/encryption/key_arn");
        let manager = aws_sdk_secretsmanager::Client::new(&root("secret"));
        let made = manager
            .create_secret()
            .name("test/database")
            .secret_string(r#"{"password":"pw"}"#)
            .kms_key_id(key);
        let secret = made
            .send()
            .await
            .expect("the secret is made")
            .arn
            .expect("it has an ARN");
        let decrypt = json!({"Effect": "Allow", "Action": "kms:Decrypt", "Resource": key});
        let get = json!({"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": secret});
        let task = role("secret-task", json!([])).await;
        let trials = [
            ("may", json!([logging(), get, decrypt]), None),
            (
                "no-secret",
                json!([logging(), decrypt]),
                Some("secretsmanager:GetSecretValue"),
            ),
            ("no-key", json!([logging(), get]), Some("kms:Decrypt")),
        ];
        for (name, statements, refused) in trials {
            let execution = role(&format!("secret-{name}"), statements).await;
            let wanted = Secret::builder()
                .name("PASSWORD")
                .value_from(format!("{secret}:password::"))
                .build()
                .expect("a secret");
            let container = shell("echo $PASSWORD; echo end").secrets(wanted).build();
            let definition = define(name, container, vec![], &task, &execution).await;
            let (task, lines) = run(&definition, &foundation).await;
            let reason = task.stopped_reason().unwrap_or_default();
            match refused {
                None => assert_eq!(lines, ["pw", "end"], "{reason}"),
                Some(action) => {
                    assert!(
                        reason.starts_with("ResourceInitializationError")
                            && reason.contains(action),
                        "{name}: {reason}"
                    );
                    assert!(lines.is_empty(), "the container never started");
                }
            }
        }
    });
}
