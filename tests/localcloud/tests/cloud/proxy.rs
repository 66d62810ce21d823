//! Records, faults and gates, seen by a real SDK.

use std::time::Duration;

use localcloud::proxy::{Filter, Kind, Rule};

use crate::support::{ACCOUNT, cloud, root, story};

fn of(story: &str) -> Filter {
    Filter {
        user_agent: Some(format!("app/{story}")),
        ..Filter::default()
    }
}

#[test]
fn requests_are_recorded_whichever_protocol_they_speak() {
    story(async {
        let config = root("records");
        aws_sdk_ecs::Client::new(&config)
            .list_clusters()
            .send()
            .await
            .expect("json");
        aws_sdk_elasticloadbalancingv2::Client::new(&config)
            .describe_load_balancers()
            .send()
            .await
            .expect("query");
        aws_sdk_efs::Client::new(&config)
            .describe_file_systems()
            .send()
            .await
            .expect("rest json");
        aws_sdk_cloudfront::Client::new(&config)
            .list_distributions()
            .send()
            .await
            .expect("rest xml");
        let scaling = aws_sdk_applicationautoscaling::Client::new(&config);
        let service = aws_sdk_applicationautoscaling::types::ServiceNamespace::Ecs;
        scaling
            .describe_scalable_targets()
            .service_namespace(service)
            .send()
            .await
            .expect("routed to moto");

        let records = cloud().proxy().requests().matching(&of("records"));
        let names: Vec<(&str, &str)> = records
            .iter()
            .map(|r| (r.service.as_str(), r.operation.as_str()))
            .collect();
        let expected = [
            ("ecs", "ListClusters"),
            ("elasticloadbalancing", "DescribeLoadBalancers"),
            ("elasticfilesystem", "DescribeFileSystems"),
            ("cloudfront", "ListDistributions"),
            ("application-autoscaling", "DescribeScalableTargets"),
        ];
        assert_eq!(names, expected);
        for record in &records {
            assert_eq!(
                (record.account.as_str(), record.status),
                (ACCOUNT, Some(200)),
                "{record:?}"
            );
            assert!(record.reads() && record.seconds.is_some(), "{record:?}");
        }
    });
}

#[test]
fn a_throttle_is_the_services_own_error_and_then_over() {
    story(async {
        let config = root("throttled");
        let (ecs, elb) = (
            aws_sdk_ecs::Client::new(&config),
            aws_sdk_elasticloadbalancingv2::Client::new(&config),
        );
        for service in ["ecs", "elasticloadbalancing"] {
            let filter = Filter {
                service: Some(service.into()),
                ..of("throttled")
            };
            cloud()
                .proxy()
                .faults()
                .add(Rule::new(filter, Kind::Throttle).times(1));
        }
        let refused = ecs
            .list_clusters()
            .send()
            .await
            .expect_err("throttled")
            .into_service_error();
        assert_eq!(refused.meta().code(), Some("ThrottlingException"));
        let refused = elb
            .describe_load_balancers()
            .send()
            .await
            .expect_err("throttled")
            .into_service_error();
        assert_eq!(refused.meta().code(), Some("Throttling"));
        ecs.list_clusters().send().await.expect("once only");
        let faults: Vec<_> = cloud()
            .proxy()
            .requests()
            .matching(&of("throttled"))
            .into_iter()
            .map(|r| r.fault)
            .collect();
        assert_eq!(
            faults,
            [
                Some("throttle".to_owned()),
                Some("throttle".to_owned()),
                None
            ]
        );
    });
}

#[test]
fn a_connection_dropped_after_aws_handled_the_request_leaves_its_effect() {
    story(async {
        let ecs = aws_sdk_ecs::Client::new(&root("dropped"));
        let exists = async |name: &str| {
            let answer = ecs
                .describe_clusters()
                .clusters(name)
                .send()
                .await
                .expect("described");
            answer
                .clusters()
                .iter()
                .any(|cluster| cluster.status() == Some("ACTIVE"))
        };
        for (kind, stays) in [(Kind::DropBefore, false), (Kind::DropAfter, true)] {
            let name = format!("dropped-{stays}");
            cloud()
                .proxy()
                .faults()
                .add(Rule::new(of("dropped").operation("CreateCluster"), kind).times(1));
            let error = ecs
                .create_cluster()
                .cluster_name(&name)
                .send()
                .await
                .expect_err("no answer");
            assert!(
                error.as_service_error().is_none(),
                "a network's error, not AWS's: {error:?}"
            );
            assert_eq!(exists(&name).await, stays);
        }
    });
}

#[test]
fn a_gate_stops_the_world_right_after_the_nth_change() {
    story(async {
        let ecs = aws_sdk_ecs::Client::new(&root("gated"));
        let gate = cloud().proxy().gates().after(
            2,
            Filter {
                reads: Some(false),
                ..of("gated")
            },
        );
        let runner = tokio::spawn({
            let ecs = ecs.clone();
            async move {
                for name in ["gated-1", "gated-2", "gated-3"] {
                    let _ = ecs.create_cluster().cluster_name(name).send().await;
                }
            }
        });
        let last = gate.closed().await;
        assert_eq!(
            (last.operation.as_str(), last.status),
            ("CreateCluster", Some(200))
        );
        // The runner dies waiting for the second answer.
        runner.abort();
        drop(gate);
        let known = ecs.list_clusters().send().await.expect("listed");
        let made = |name: &str| known.cluster_arns().iter().any(|arn| arn.ends_with(name));
        assert!(
            made("gated-1") && made("gated-2") && !made("gated-3"),
            "{known:?}"
        );
    });
}

#[test]
fn a_hanging_request_ends_when_its_client_gives_up() {
    story(async {
        let ecs = aws_sdk_ecs::Client::new(&root("hanging"));
        cloud()
            .proxy()
            .faults()
            .add(Rule::new(of("hanging"), Kind::Hang).times(1));
        let given_up =
            tokio::time::timeout(Duration::from_millis(300), ecs.list_clusters().send()).await;
        assert!(given_up.is_err());
        let record = crate::support::until(5, async || {
            let record = cloud()
                .proxy()
                .requests()
                .matching(&of("hanging"))
                .remove(0);
            if record.seconds.is_some() {
                Ok(record)
            } else {
                Err(record)
            }
        })
        .await;
        assert_eq!(
            (record.status, record.fault.as_deref()),
            (None, Some("hang"))
        );
    });
}
