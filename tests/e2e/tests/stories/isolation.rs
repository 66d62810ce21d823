//! What belongs to one tenant is closed to another, with IAM evaluated.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use aws_credential_types::Credentials;
use aws_sdk_secretsmanager::error::ProvideErrorMetadata as _;
use e2e::{Fleet, PIXEL, Visitor, World, docker, story};
use hyper::Method;
use localcloud::Options;
use serde_json::Value;

#[tokio::test(flavor = "multi_thread")]
async fn isolation() {
    let options = Options::for_test(&["dev"]).with_auth();
    story(
        "isolation",
        options,
        Fleet::of(&["acme", "bolt"]),
        async |world| {
            world.apply().await?;
            world.bbws()?.plan_is_empty().await?;
            the_database_is_closed(world).await?;
            files_are_closed(world).await?;
            the_role_is_closed(world).await?;
            the_execution_role_is_closed(world).await?;
            the_load_balancer_is_closed(world).await
        },
    )
    .await;
}

async fn the_database_is_closed(world: &World) -> Result<()> {
    let acme = world.database_of("acme").await?;
    let own = acme.query("SELECT COUNT(*) FROM t_acme.wp_options").await?;
    ensure!(
        own.trim().parse::<u32>().is_ok_and(|count| count > 50),
        "acme cannot use its own schema: {own}"
    );
    let schemas = acme.query("SHOW DATABASES").await?;
    ensure!(
        schemas.contains("t_acme") && !schemas.contains("t_bolt"),
        "acme sees {schemas}"
    );
    let tables = acme
        .query("SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 't_bolt'")
        .await?;
    ensure!(tables.trim() == "0", "acme sees bolt's tables");
    for sql in [
        "SELECT * FROM t_bolt.wp_options",
        "CREATE TABLE t_bolt.mine (id INT)",
        "DROP DATABASE t_bolt",
        "CREATE DATABASE more",
        "SELECT * FROM mysql.user",
        "GRANT ALL ON t_acme.* TO t_bolt",
        "SELECT LOAD_FILE('/etc/passwd') INTO OUTFILE '/tmp/passwd'",
        "SET GLOBAL max_connections = 1",
    ] {
        let Err(error) = acme.query(sql).await else {
            anyhow::bail!("acme may {sql}")
        };
        ensure!(
            format!("{error:#}").contains("denied"),
            "{sql} fails for another reason: {error:#}"
        );
    }
    let Err(error) = acme.query_in_plain("SELECT 1").await else {
        anyhow::bail!("TLS is not required")
    };
    let text = format!("{error:#}");
    ensure!(
        text.contains("denied") || text.contains("insecure transport"),
        "refused for another reason: {text}"
    );
    world.note("the database is closed");
    Ok(())
}

/// Where an upload of a tenant lies on the host.
async fn upload(world: &World, tenant: &str) -> Result<PathBuf> {
    let password = world
        .aws
        .secret_field(&format!("bbws/dev/{tenant}/wordpress"), "admin_password")
        .await?;
    let mut admin = world.visitor(tenant);
    admin.log_in(&format!("{tenant}-admin"), &password).await?;
    let path = admin.upload(&format!("of-{tenant}.png"), PIXEL).await?;
    Ok(path.trim_start_matches("/wp-content/uploads/").into())
}

async fn files_are_closed(world: &World) -> Result<()> {
    let (acmes, bolts) = (upload(world, "acme").await?, upload(world, "bolt").await?);
    let containers = world.containers().serving("acme").await?;
    let container = containers.first().context("acme runs no container")?;
    // The image has no programs for looking around but PHP, and that is what a tenant's code is written in.
    let script = r#"
        $all = new RecursiveIteratorIterator(
            new RecursiveDirectoryIterator('/', FilesystemIterator::SKIP_DOTS),
            RecursiveIteratorIterator::LEAVES_ONLY,
            RecursiveIteratorIterator::CATCH_GET_CHILD,
        );
        foreach ($all as $path => $_) {
            if (!str_starts_with($path, '/proc/') && preg_match('~/of-[^/]*\.png$~', $path)) {
                echo $path, "\n";
            }
        }
    "#;
    let found = docker(&["exec", container, "php", "-r", script], b"").await?;
    ensure!(
        found.contains("of-acme.png"),
        "acme's own file is not found: {found}"
    );
    ensure!(
        !found.contains("of-bolt.png"),
        "acme's container holds bolt's file"
    );

    // Even a task of acme's into which somebody mounts the whole file system.
    let mut definition = world.aws.task_definition("acme").await?;
    let everything = aws_sdk_ecs::types::EfsVolumeConfiguration::builder()
        .file_system_id(world.aws.foundation("/cells/0/file_system_id"))
        .build()?;
    let volume = aws_sdk_ecs::types::Volume::builder()
        .name("everything")
        .efs_volume_configuration(everything)
        .build();
    definition.volumes.get_or_insert_default().push(volume);
    let container = definition
        .container_definitions
        .as_mut()
        .and_then(|all| all.first_mut())
        .context("no container")?;
    let mount = aws_sdk_ecs::types::MountPoint::builder()
        .source_volume("everything")
        .container_path("/everything")
        .build();
    container.mount_points.get_or_insert_default().push(mount);
    container.entry_point = Some(vec!["php".to_owned(), "-r".to_owned()]);
    container.health_check = None;
    let script = format!(
        "if (@file_get_contents('/everything/tenants/acme/{}') === false) exit(41);
         if (@file_get_contents('/everything/tenants/bolt/{}') !== false) exit(42);
         if (@scandir('/everything/tenants/bolt') !== false) exit(43);",
        acmes.display(),
        bolts.display()
    );
    container.command = Some(vec![script]);
    let task = world
        .aws
        .run_task(&world.aws.register("by-hand-files", definition).await?)
        .await?;
    let code = task
        .containers()
        .first()
        .and_then(|container| container.exit_code());
    ensure!(
        code == Some(0),
        "with the whole file system mounted, acme's task ended with {code:?}: {task:?}"
    );
    world.note("files are closed");
    Ok(())
}

/// The credentials that acme's own code can get hold of.
async fn credentials(world: &World) -> Result<Credentials> {
    let containers = world.containers().serving("acme").await?;
    let container = containers.first().context("acme runs no container")?;
    let script = r#"
        $token = 'Authorization: ' . getenv('AWS_CONTAINER_AUTHORIZATION_TOKEN');
        $context = stream_context_create(['http' => ['header' => $token]]);
        echo file_get_contents(getenv('AWS_CONTAINER_CREDENTIALS_FULL_URI'), false, $context);
    "#;
    let answer = docker(
        &[
            "exec",
            container,
            "php",
            "-d",
            "allow_url_fopen=1",
            "-r",
            script,
        ],
        b"",
    )
    .await?;
    let answer: Value =
        serde_json::from_str(&answer).with_context(|| format!("no credentials: {answer}"))?;
    let field = |name: &str| {
        answer[name]
            .as_str()
            .map(str::to_owned)
            .with_context(|| format!("no {name}"))
    };
    Ok(Credentials::new(
        field("AccessKeyId")?,
        field("SecretAccessKey")?,
        Some(field("Token")?),
        None,
        "acme's task",
    ))
}

async fn the_role_is_closed(world: &World) -> Result<()> {
    let acme = world.aws.acting_as(credentials(world).await?);
    let (s3, bucket) = (&acme.s3, world.aws.foundation("/artifacts/bucket"));
    let put = |key: &str| {
        s3.put_object()
            .bucket(bucket)
            .key(key)
            .body(b"by hand".to_vec().into())
            .send()
    };
    put("tenants/acme/by-hand")
        .await
        .context("acme's task should write its own artifacts")?;
    for key in [
        "tenants/bolt/by-hand",
        "code/acme/by-hand.zip",
        "leases/bolt.json",
        "runs/by-hand.json",
    ] {
        let refused = put(key)
            .await
            .err()
            .with_context(|| format!("acme's task may write {key}"))?;
        ensure!(
            refused.code() == Some("AccessDenied"),
            "{key} fails for another reason: {refused:?}"
        );
    }
    // Its own plugins and themes it may read; nothing else, not even what it wrote.
    for key in ["code/acme/own.zip", "code/bolt/other.zip"] {
        world
            .aws
            .s3
            .put_object()
            .bucket(bucket)
            .key(key)
            .body(b"no zip".to_vec().into())
            .send()
            .await?;
    }
    let get = |key: &str| s3.get_object().bucket(bucket).key(key).send();
    get("code/acme/own.zip")
        .await
        .context("acme's task should read its own plugins")?;
    for key in ["code/bolt/other.zip", "tenants/acme/by-hand"] {
        let refused = get(key)
            .await
            .err()
            .with_context(|| format!("acme's task may read {key}"))?;
        ensure!(
            refused.code() == Some("AccessDenied"),
            "{key} fails for another reason: {refused:?}"
        );
    }
    let admin = world.aws.foundation("/cells/0/database/admin_secret_arn");
    for secret in [
        "bbws/dev/bolt/database",
        "bbws/dev/bolt/wordpress",
        "bbws/dev/acme/wordpress",
        admin,
    ] {
        let refused = acme
            .secrets
            .get_secret_value()
            .secret_id(secret)
            .send()
            .await
            .err();
        let refused = refused.with_context(|| format!("acme's task may read {secret}"))?;
        ensure!(
            refused.code() == Some("AccessDeniedException"),
            "{secret} fails for another reason: {refused:?}"
        );
    }
    world.note("the task role is closed");
    Ok(())
}

/// A task that is given bolt's secret never starts with acme's execution role.
async fn the_execution_role_is_closed(world: &World) -> Result<()> {
    let bolts = world
        .aws
        .secrets
        .describe_secret()
        .secret_id("bbws/dev/bolt/database")
        .send()
        .await?;
    let arn = bolts.arn().context("the secret has no ARN")?;
    let mut definition = world.aws.task_definition("acme").await?;
    let container = definition
        .container_definitions
        .as_mut()
        .and_then(|all| all.first_mut())
        .context("no container")?;
    container.entry_point = Some(vec!["php".to_owned(), "-v".to_owned()]);
    container.command = None;
    let own = world
        .aws
        .run_task(
            &world
                .aws
                .register("by-hand-own", definition.clone())
                .await?,
        )
        .await?;
    let code = own
        .containers()
        .first()
        .and_then(|container| container.exit_code());
    ensure!(
        code == Some(0),
        "with its own secrets the task should start: {own:?}"
    );

    let container = definition
        .container_definitions
        .as_mut()
        .and_then(|all| all.first_mut())
        .context("no container")?;
    let secret = aws_sdk_ecs::types::Secret::builder()
        .name("OTHER")
        .value_from(format!("{arn}:password::"))
        .build()?;
    container.secrets.get_or_insert_default().push(secret);
    let task = world
        .aws
        .run_task(&world.aws.register("by-hand-other", definition).await?)
        .await?;
    let reason = task.stopped_reason().unwrap_or_default();
    ensure!(
        reason.contains("AccessDenied"),
        "acme's execution role may fetch bolt's secret: {task:?}"
    );
    world.note("the execution role is closed");
    Ok(())
}

async fn the_load_balancer_is_closed(world: &World) -> Result<()> {
    let balancer = world.aws.foundation("/cells/0/load_balancer/dns_name");
    let secret = world
        .aws
        .secret(world.aws.foundation("/cells/0/origin_secret_arn"))
        .await?;
    let mut stranger = Visitor::new(balancer, world.cloud.viewer_port());
    for (header, expected) in [
        (None, 403),
        (Some("a guess"), 403),
        (Some(secret.as_str()), 200),
    ] {
        let headers: Vec<_> = header
            .iter()
            .map(|value| ("x-bbws-origin", *value))
            .collect();
        let page = stranger
            .send(
                Method::GET,
                "/tenant-acme/healthz",
                &headers,
                bytes::Bytes::new(),
            )
            .await?;
        let refused = expected == 403 && [403, 404].contains(&page.status);
        ensure!(
            refused || page.status == expected,
            "with the header {header:?} the load balancer answers {}",
            page.status
        );
    }
    world.note("the load balancer is closed");
    Ok(())
}
