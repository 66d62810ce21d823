//! A site's way from the viewer to the container, and rollouts on it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use aws_sdk_cloudfront::types as edge;
use aws_sdk_ecs::types as ecs_types;
use aws_sdk_elasticloadbalancingv2::types as elb_types;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{cloud, foundation, role, root, story, text, until};

const SITE: &str = "bbws-dev-site";
const ALIAS: &str = "site.dev.localhost";

/// A web server in Perl, which Debian's base system has. Its health depends on its version; it echoes what it got, and
/// says how many bytes of body came.
const SERVER: &str = r#"use IO::Socket::INET; $SIG{CHLD}='IGNORE'; $SIG{TERM}=sub{exit};
my $server=IO::Socket::INET->new(LocalPort=>8080,Listen=>64,ReuseAddr=>1) or die;
while (my $client=$server->accept) { next if fork; my ($head,$length,$size)=(scalar <$client>,0,0);
  while (my $line=<$client>) { last if $line=~/^\r?\n$/; $head.=$line; $length=$1 if $line=~/^content-length: (\d+)/i }
  while ($size<$length) { my $got=read $client,my $part,$length-$size; last unless $got; $size+=$got }
  my $status=$ENV{VERSION} eq 'bad' && $head=~/healthz/ ? '500 Bad' : '200 OK';
  my $page="version $ENV{VERSION}\nbody $size\n$head";
  print $client "HTTP/1.1 $status\r\nContent-Length: ".length($page)."\r\nSet-Cookie: a=1; path=/\r\nSet-Cookie: b=2\r\nConnection: close\r\n\r\n$page"; exit }"#;

/// Status, head and body of an answer on the viewer port.
async fn request(
    host: &str,
    request_line: &str,
    headers: &str,
    body: &[u8],
) -> (u16, String, String) {
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", cloud().viewer_port()))
        .await
        .expect("the edge listens");
    let head = format!(
        "{request_line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.expect("sent");
    stream.write_all(body).await.expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("answered");
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").expect("a whole answer");
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .expect("a status");
    (status, head.to_ascii_lowercase(), body.to_owned())
}

async fn get(path: &str) -> (u16, String, String) {
    request(ALIAS, &format!("GET {path}"), "", b"").await
}

async fn define(version: &str, execution: &str) -> String {
    let container = ecs_types::ContainerDefinition::builder()
        .name("web")
        .image("debian:trixie-slim")
        .set_command(Some(["perl", "-e", SERVER].map(str::to_owned).to_vec()))
        .environment(
            ecs_types::KeyValuePair::builder()
                .name("VERSION")
                .value(version)
                .build(),
        )
        .port_mappings(
            ecs_types::PortMapping::builder()
                .container_port(8080)
                .build(),
        );
    let answer = aws_sdk_ecs::Client::new(&root("site"))
        .register_task_definition()
        .family(SITE)
        .requires_compatibilities(ecs_types::Compatibility::Fargate)
        .network_mode(ecs_types::NetworkMode::Awsvpc)
        .cpu("256")
        .memory("512")
        .execution_role_arn(execution)
        .container_definitions(container.build())
        .send()
        .await
        .expect("the definition is taken");
    answer
        .task_definition
        .and_then(|definition| definition.task_definition_arn)
        .expect("it has an ARN")
}

/// Target group and rule, as the runner makes them; returns the target group's ARN and the origin header's value.
async fn route(foundation: &Value) -> (String, String) {
    let manager = aws_sdk_secretsmanager::Client::new(&root("site"));
    let secret = manager
        .get_secret_value()
        .secret_id(text(foundation, "/cells/0/origin_secret_arn"))
        .send()
        .await;
    let origin = secret
        .expect("the cell has an origin secret")
        .secret_string
        .expect("it is text");
    let elb = aws_sdk_elasticloadbalancingv2::Client::new(&root("site"));
    let made = elb
        .create_target_group()
        .name(SITE)
        .protocol(elb_types::ProtocolEnum::Http)
        .port(8080)
        .vpc_id(text(foundation, "/network/vpc_id"))
        .target_type(elb_types::TargetTypeEnum::Ip)
        .health_check_path("/healthz")
        .health_check_interval_seconds(5)
        .healthy_threshold_count(2)
        .unhealthy_threshold_count(2);
    let group = made
        .send()
        .await
        .expect("the group is made")
        .target_groups()[0]
        .target_group_arn
        .clone()
        .expect("an ARN");
    let path = elb_types::PathPatternConditionConfig::builder()
        .values("/tenant-site/*")
        .build();
    let header = elb_types::HttpHeaderConditionConfig::builder()
        .http_header_name("x-bbws-origin")
        .values(&origin)
        .build();
    let rule = || {
        elb.create_rule()
            .listener_arn(text(foundation, "/cells/0/load_balancer/listener_arn"))
            .priority(7)
            .conditions(
                elb_types::RuleCondition::builder()
                    .field("path-pattern")
                    .path_pattern_config(path.clone())
                    .build(),
            )
            .conditions(
                elb_types::RuleCondition::builder()
                    .field("http-header")
                    .http_header_config(header.clone())
                    .build(),
            )
            .actions(
                elb_types::Action::builder()
                    .r#type(elb_types::ActionTypeEnum::Forward)
                    .target_group_arn(&group)
                    .build(),
            )
    };
    rule().send().await.expect("the rule is made");
    let again = rule()
        .send()
        .await
        .expect_err("its priority is taken")
        .into_service_error();
    assert_eq!(again.meta().code(), Some("PriorityInUse"));
    (group, origin)
}

fn distribution(foundation: &Value, origin: &str) -> edge::DistributionConfig {
    let header = edge::OriginCustomHeader::builder()
        .header_name("x-bbws-origin")
        .header_value(origin)
        .build()
        .expect("header");
    let custom = edge::CustomOriginConfig::builder()
        .http_port(80)
        .https_port(443)
        .origin_protocol_policy(edge::OriginProtocolPolicy::HttpOnly);
    let origin = edge::Origin::builder()
        .id("cell")
        .domain_name(text(foundation, "/cells/0/load_balancer/dns_name"))
        .origin_path("/tenant-site")
        .custom_headers(
            edge::CustomHeaders::builder()
                .quantity(1)
                .items(header)
                .build()
                .expect("headers"),
        )
        .custom_origin_config(custom.build().expect("origin"))
        .build()
        .expect("origin");
    let methods = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]
        .map(edge::Method::from)
        .to_vec();
    let behaviour = edge::DefaultCacheBehavior::builder()
        .target_origin_id("cell")
        .viewer_protocol_policy(edge::ViewerProtocolPolicy::AllowAll)
        .allowed_methods(
            edge::AllowedMethods::builder()
                .quantity(7)
                .set_items(Some(methods))
                .build()
                .expect("methods"),
        )
        .cache_policy_id(text(foundation, "/edge/dynamic_cache_policy_id"))
        .origin_request_policy_id(text(foundation, "/edge/origin_request_policy_id"));
    edge::DistributionConfig::builder()
        .caller_reference(SITE)
        .comment(SITE)
        .enabled(true)
        .aliases(
            edge::Aliases::builder()
                .quantity(1)
                .items(ALIAS)
                .build()
                .expect("alias"),
        )
        .origins(
            edge::Origins::builder()
                .quantity(1)
                .items(origin)
                .build()
                .expect("origins"),
        )
        .default_cache_behavior(behaviour.build().expect("behaviour"))
        .build()
        .expect("distribution")
}

async fn create_service(foundation: &Value, definition: &str, group: &str) -> ecs_types::Service {
    let breaker = ecs_types::DeploymentCircuitBreaker::builder()
        .enable(true)
        .rollback(true)
        .build();
    let balancer = ecs_types::LoadBalancer::builder()
        .target_group_arn(group)
        .container_name("web")
        .container_port(8080);
    let network = ecs_types::AwsVpcConfiguration::builder()
        .subnets(text(foundation, "/network/subnets/0"))
        .build()
        .expect("a subnet");
    let made = aws_sdk_ecs::Client::new(&root("site"))
        .create_service()
        .cluster("bbws-dev")
        .service_name(SITE)
        .task_definition(definition)
        .desired_count(1)
        .launch_type(ecs_types::LaunchType::Fargate)
        .health_check_grace_period_seconds(2)
        .load_balancers(balancer.build())
        .network_configuration(
            ecs_types::NetworkConfiguration::builder()
                .awsvpc_configuration(network)
                .build(),
        )
        .deployment_configuration(
            ecs_types::DeploymentConfiguration::builder()
                .deployment_circuit_breaker(breaker)
                .build(),
        );
    made.send()
        .await
        .expect("the service is made")
        .service
        .expect("it is told")
}

/// Waits until one completed deployment is left; returns its task definition.
async fn steady() -> String {
    let ecs = aws_sdk_ecs::Client::new(&root("site"));
    until(40, async || {
        let answer = ecs
            .describe_services()
            .cluster("bbws-dev")
            .services(SITE)
            .send()
            .await
            .expect("the service is known");
        let deployments = answer.services()[0].deployments().to_vec();
        let states: Vec<_> = deployments
            .iter()
            .map(|d| (d.status.clone(), d.rollout_state.clone(), d.running_count))
            .collect();
        match &deployments[..] {
            [one] if one.rollout_state == Some(ecs_types::DeploymentRolloutState::Completed) => {
                Ok(one.task_definition.clone().expect("it has one"))
            }
            _ => Err(states),
        }
    })
    .await
}

async fn update(definition: &str) {
    let ecs = aws_sdk_ecs::Client::new(&root("site"));
    ecs.update_service()
        .cluster("bbws-dev")
        .service(SITE)
        .task_definition(definition)
        .send()
        .await
        .expect("updated");
}

/// What a viewer sees: cookies both ways, bodies, the edge's own headers; nothing without the alias or the secret header.
async fn serves_viewers(foundation: &Value) {
    let (status, head, page) = request(
        ALIAS,
        "GET /wp-login.php?x=1",
        "Cookie: c=d\r\nX-Forwarded-Proto: evil\r\n",
        b"",
    )
    .await;
    assert_eq!(status, 200, "{page}");
    assert!(
        head.contains("set-cookie: a=1; path=/") && head.contains("set-cookie: b=2"),
        "{head}"
    );
    let page = page.to_ascii_lowercase();
    for wanted in [
        "get /tenant-site/wp-login.php?x=1",
        "host: site.dev.localhost",
        "cookie: c=d",
        "x-forwarded-proto: http\r",
    ] {
        assert!(page.contains(wanted), "{wanted} in {page}");
    }
    let upload = vec![b'x'; 6 * 1024 * 1024];
    let (status, _, page) = request(ALIAS, "POST /wp-admin/async-upload.php", "", &upload).await;
    assert_eq!((status, page.lines().nth(1)), (200, Some("body 6291456")));
    assert_eq!(
        request("nobody.dev.localhost", "GET /", "", b"").await.0,
        403
    );
    let balancer = text(foundation, "/cells/0/load_balancer/dns_name");
    assert_eq!(
        request(balancer, "GET /tenant-site/", "", b"").await.0,
        404,
        "no origin header, no site"
    );
}

#[test]
fn a_bad_version_is_rolled_back_and_no_viewer_notices() {
    story(async {
        let foundation = foundation().await;
        let (group, origin) = route(&foundation).await;
        let execution = role("site-execution", json!([])).await;
        let first = define("v1", &execution).await;
        let service = create_service(&foundation, &first, &group).await;
        assert_eq!(
            service.deployments()[0].rollout_state,
            Some(ecs_types::DeploymentRolloutState::InProgress)
        );
        assert_eq!(steady().await, first);
        let cloudfront = aws_sdk_cloudfront::Client::new(&root("site"));
        let made = cloudfront
            .create_distribution()
            .distribution_config(distribution(&foundation, &origin))
            .send()
            .await;
        let made = made.expect("the distribution is made");
        serves_viewers(&foundation).await;

        let (over, good, bad) = (
            AtomicBool::new(false),
            AtomicUsize::new(0),
            AtomicUsize::new(0),
        );
        let viewers = async {
            while !over.load(Ordering::Relaxed) {
                let count = if get("/").await.0 == 200 { &good } else { &bad };
                count.fetch_add(1, Ordering::Relaxed);
            }
        };
        let rollouts = async {
            let second = define("v2", &execution).await;
            update(&second).await;
            assert_eq!(steady().await, second);
            assert!(get("/").await.2.starts_with("version v2"));
            update(&define("bad", &execution).await).await;
            assert_eq!(steady().await, second, "rolled back");
            over.store(true, Ordering::Relaxed);
        };
        tokio::join!(viewers, rollouts);
        assert_eq!(
            bad.load(Ordering::Relaxed),
            0,
            "of {} requests",
            good.load(Ordering::Relaxed)
        );

        suspend(
            &foundation,
            &cloudfront,
            made.distribution().expect("told").id(),
        )
        .await;
        let (status, head, page) = get("/").await;
        assert!(
            page.contains("taking a break") && head.contains("retry-after"),
            "{head}"
        );
        assert_eq!(status, 503);
    });
}

/// Puts the foundation's function in front of the distribution.
async fn suspend(foundation: &Value, cloudfront: &aws_sdk_cloudfront::Client, id: &str) {
    let answer = cloudfront
        .get_distribution_config()
        .id(id)
        .send()
        .await
        .expect("known");
    let mut config = answer.distribution_config.expect("it has a configuration");
    let function = edge::FunctionAssociation::builder()
        .function_arn(text(foundation, "/edge/suspended_function_arn"))
        .event_type(edge::EventType::ViewerRequest)
        .build()
        .expect("association");
    let behaviour = config
        .default_cache_behavior
        .as_mut()
        .expect("it has a behaviour");
    behaviour.function_associations = Some(
        edge::FunctionAssociations::builder()
            .quantity(1)
            .items(function)
            .build()
            .expect("associations"),
    );
    let update = cloudfront
        .update_distribution()
        .id(id)
        .if_match(answer.e_tag.expect("a tag"))
        .distribution_config(config);
    update.send().await.expect("updated");
}
