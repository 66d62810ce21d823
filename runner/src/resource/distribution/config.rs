//! What a site's distribution is configured to do, and how that is told to a plan.
//!
//! Desired and found go through the same [`normalise`]: the one is what [`configure`] builds, the other what CloudFront
//! lists. What [`configure`] does not set, it leaves as it was.

use super::super::listener_rule::ORIGIN_HEADER;
use super::super::{Context, Kind};
use crate::cloud::Secret;
use crate::manifest::SiteState;
use aws_sdk_cloudfront::types::{
    Aliases, AllowedMethods, CacheBehavior, CacheBehaviors, CachedMethods, CustomHeaders,
    CustomOriginConfig, DefaultCacheBehavior, DistributionConfig, DistributionSummary, EventType,
    FunctionAssociation, FunctionAssociations, HttpVersion, LambdaFunctionAssociations, Method,
    MinimumProtocolVersion, Origin, OriginCustomHeader, OriginProtocolPolicy, OriginSslProtocols,
    Origins, PriceClass, SslProtocol, SslSupportMethod, ViewerCertificate, ViewerProtocolPolicy,
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The name of the one origin within a distribution.
const ORIGIN: &str = "cell";
/// Seconds that an answer may take; the load balancer too gives up after 60.
const READ_TIMEOUT: i32 = 60;
/// Seconds that an idle connection to the load balancer is kept.
const KEEP_ALIVE: i32 = 5;
/// Paths with a behaviour of their own, in the order that CloudFront tries them, and whether they are cached.
const PATHS: [(&str, bool); 3] = [
    ("*.php", false),
    ("/wp-content/*", true),
    ("/wp-includes/*", true),
];
const SAFE_METHODS: [Method; 2] = [Method::Get, Method::Head];
const ALL_METHODS: [Method; 7] = [
    Method::Delete,
    Method::Get,
    Method::Head,
    Method::Options,
    Method::Patch,
    Method::Post,
    Method::Put,
];

const COMPLETE: &str = "all its fields are given";

/// Sets what is managed of a behaviour: the default one and those of paths are two types of the same fields.
macro_rules! set_behavior {
    ($behavior:ident, $context:expr, $cached:expr) => {
        let edge = &$context.foundation.edge;
        let policy = if $cached { &edge.static_cache_policy_id } else { &edge.dynamic_cache_policy_id };
        $behavior.target_origin_id = ORIGIN.to_owned();
        $behavior.viewer_protocol_policy = viewer_protocol($context);
        $behavior.allowed_methods = Some(methods($cached));
        $behavior.compress = Some(true);
        $behavior.cache_policy_id = Some(policy.clone());
        // What is cached for everybody must not be made for somebody: it is asked for without cookies.
        $behavior.origin_request_policy_id = (!$cached).then(|| edge.origin_request_policy_id.clone());
        $behavior.function_associations = Some(functions($context));
    };
}

/// What is managed of a behaviour.
macro_rules! behavior_fields {
    ($behavior:ident) => {
        json!({
            "origin": $behavior.target_origin_id(),
            "viewer_protocol": $behavior.viewer_protocol_policy().as_str(),
            "methods": $behavior.allowed_methods().map(|allowed| method_names(allowed.items())),
            "compress": $behavior.compress(),
            "cache_policy": $behavior.cache_policy_id(),
            "origin_request_policy": $behavior.origin_request_policy_id(),
            "functions": function_names($behavior.function_associations()),
        })
    };
}

/// The configuration of the site's distribution: `present` with all that is managed here set, or a new one.
pub(super) fn configure(
    context: &Context<'_>,
    present: Option<DistributionConfig>,
) -> DistributionConfig {
    let name = context.who.name();
    let mut config = present.unwrap_or_else(|| {
        let config = DistributionConfig::builder()
            .caller_reference(&name)
            .comment(&name)
            .enabled(true);
        let nowhere = Origins::builder()
            .quantity(0)
            .set_items(Some(Vec::new()))
            .build()
            .expect(COMPLETE);
        config
            .origins(nowhere)
            .default_cache_behavior(new_default_behavior())
            .build()
            .expect(COMPLETE)
    });
    config.comment = name;
    config.enabled = true;
    config.aliases = Some(aliases(context));
    config.origins = Some(origins(context, config.origins.as_ref()));
    let mut default = config
        .default_cache_behavior
        .take()
        .unwrap_or_else(new_default_behavior);
    set_behavior!(default, context, false);
    config.default_cache_behavior = Some(default);
    config.cache_behaviors = Some(path_behaviors(context, config.cache_behaviors.as_ref()));
    config.price_class = Some(PriceClass::from(context.site().price_class.as_aws()));
    config.http_version = Some(HttpVersion::Http2and3);
    config.is_ipv6_enabled = Some(true);
    config.web_acl_id = Some(context.foundation.edge.web_acl_arn.clone());
    config.viewer_certificate = Some(
        ViewerCertificate::builder()
            .acm_certificate_arn(context.known(Kind::Certificate, "arn"))
            .ssl_support_method(SslSupportMethod::SniOnly)
            .minimum_protocol_version(MinimumProtocolVersion::TlSv122021)
            .build(),
    );
    config
}

/// What lists carry beside their items.
fn size<T>(items: &[T]) -> i32 {
    items.len().try_into().unwrap_or(i32::MAX)
}

fn aliases(context: &Context<'_>) -> Aliases {
    let domains: Vec<_> = context
        .site()
        .domains
        .iter()
        .map(ToString::to_string)
        .collect();
    Aliases::builder()
        .quantity(size(&domains))
        .set_items(Some(domains))
        .build()
        .expect(COMPLETE)
}

/// Where visitors come by TLS, CloudFront goes on to the load balancer by TLS.
fn origins(context: &Context<'_>, present: Option<&Origins>) -> Origins {
    let tls = OriginSslProtocols::builder()
        .quantity(1)
        .items(SslProtocol::TlSv12)
        .build()
        .expect(COMPLETE);
    let protocol = if is_https(context) {
        OriginProtocolPolicy::HttpsOnly
    } else {
        OriginProtocolPolicy::HttpOnly
    };
    let connection = CustomOriginConfig::builder()
        .http_port(80)
        .https_port(443)
        .origin_protocol_policy(protocol)
        .origin_ssl_protocols(tls)
        .origin_read_timeout(READ_TIMEOUT)
        .origin_keepalive_timeout(KEEP_ALIVE)
        .build()
        .expect(COMPLETE);
    let header = OriginCustomHeader::builder()
        .header_name(ORIGIN_HEADER)
        .header_value(context.origin_secret.expose())
        .build()
        .expect(COMPLETE);
    let present = present
        .and_then(|origins| origins.items().iter().find(|origin| origin.id == ORIGIN))
        .cloned();
    let mut origin = present.unwrap_or_else(|| {
        Origin::builder()
            .id(ORIGIN)
            .domain_name("")
            .build()
            .expect(COMPLETE)
    });
    origin
        .domain_name
        .clone_from(&context.cell.load_balancer.dns_name);
    origin.origin_path = Some(context.who.prefix());
    origin.custom_headers = Some(
        CustomHeaders::builder()
            .quantity(1)
            .items(header)
            .build()
            .expect(COMPLETE),
    );
    origin.custom_origin_config = Some(connection);
    Origins::builder()
        .quantity(1)
        .items(origin)
        .build()
        .expect(COMPLETE)
}

fn is_https(context: &Context<'_>) -> bool {
    context.foundation.viewer.scheme == "https"
}

/// An update must name also what is not used.
fn new_default_behavior() -> DefaultCacheBehavior {
    DefaultCacheBehavior::builder()
        .target_origin_id(ORIGIN)
        .viewer_protocol_policy(ViewerProtocolPolicy::AllowAll)
        .smooth_streaming(false)
        .field_level_encryption_id("")
        .lambda_function_associations(
            LambdaFunctionAssociations::builder()
                .quantity(0)
                .build()
                .expect(COMPLETE),
        )
        .build()
        .expect(COMPLETE)
}

fn new_path_behavior(path: &str) -> CacheBehavior {
    CacheBehavior::builder()
        .path_pattern(path)
        .target_origin_id(ORIGIN)
        .viewer_protocol_policy(ViewerProtocolPolicy::AllowAll)
        .smooth_streaming(false)
        .field_level_encryption_id("")
        .lambda_function_associations(
            LambdaFunctionAssociations::builder()
                .quantity(0)
                .build()
                .expect(COMPLETE),
        )
        .build()
        .expect(COMPLETE)
}

fn path_behaviors(context: &Context<'_>, present: Option<&CacheBehaviors>) -> CacheBehaviors {
    let behaviors = PATHS.map(|(path, cached)| {
        let present =
            present.and_then(|present| present.items().iter().find(|b| b.path_pattern == path));
        let mut behavior = present.cloned().unwrap_or_else(|| new_path_behavior(path));
        set_behavior!(behavior, context, cached);
        behavior
    });
    CacheBehaviors::builder()
        .quantity(size(&behaviors))
        .set_items(Some(behaviors.into()))
        .build()
        .expect(COMPLETE)
}

fn viewer_protocol(context: &Context<'_>) -> ViewerProtocolPolicy {
    if is_https(context) {
        ViewerProtocolPolicy::RedirectToHttps
    } else {
        ViewerProtocolPolicy::AllowAll
    }
}

fn methods(cached: bool) -> AllowedMethods {
    let safe = CachedMethods::builder()
        .quantity(size(&SAFE_METHODS))
        .set_items(Some(SAFE_METHODS.into()));
    let allowed: &[Method] = if cached { &SAFE_METHODS } else { &ALL_METHODS };
    AllowedMethods::builder()
        .quantity(size(allowed))
        .set_items(Some(allowed.into()))
        .cached_methods(safe.build().expect(COMPLETE))
        .build()
        .expect(COMPLETE)
}

/// A suspended site's visitors are answered at the edge.
fn functions(context: &Context<'_>) -> FunctionAssociations {
    if context.site().state != SiteState::Suspended {
        return FunctionAssociations::builder()
            .quantity(0)
            .build()
            .expect(COMPLETE);
    }
    let answer = FunctionAssociation::builder()
        .function_arn(&context.foundation.edge.suspended_function_arn)
        .event_type(EventType::ViewerRequest)
        .build()
        .expect(COMPLETE);
    FunctionAssociations::builder()
        .quantity(1)
        .items(answer)
        .build()
        .expect(COMPLETE)
}

/// What is managed here of a distribution, as its configuration or a list tells it.
pub(super) struct View<'a> {
    enabled: bool,
    aliases: Option<&'a Aliases>,
    origins: Option<&'a Origins>,
    default: Option<&'a DefaultCacheBehavior>,
    behaviors: &'a [CacheBehavior],
    price_class: Option<&'a PriceClass>,
    http_version: Option<&'a HttpVersion>,
    ipv6: bool,
    web_acl: &'a str,
    certificate: Option<&'a ViewerCertificate>,
}

impl<'a> View<'a> {
    pub(super) fn of_config(config: &'a DistributionConfig) -> Self {
        Self {
            enabled: config.enabled(),
            aliases: config.aliases(),
            origins: config.origins(),
            default: config.default_cache_behavior(),
            behaviors: config
                .cache_behaviors()
                .map(CacheBehaviors::items)
                .unwrap_or_default(),
            price_class: config.price_class(),
            http_version: config.http_version(),
            ipv6: config.is_ipv6_enabled().unwrap_or_default(),
            web_acl: config.web_acl_id().unwrap_or_default(),
            certificate: config.viewer_certificate(),
        }
    }

    pub(super) fn of_summary(summary: &'a DistributionSummary) -> Self {
        Self {
            enabled: summary.enabled(),
            aliases: summary.aliases(),
            origins: summary.origins(),
            default: summary.default_cache_behavior(),
            behaviors: summary
                .cache_behaviors()
                .map(CacheBehaviors::items)
                .unwrap_or_default(),
            price_class: Some(summary.price_class()),
            http_version: Some(summary.http_version()),
            ipv6: summary.is_ipv6_enabled(),
            web_acl: summary.web_acl_id(),
            certificate: summary.viewer_certificate(),
        }
    }
}

/// Lists whose order means nothing are sorted. Header values are shown by their fingerprints.
pub(super) fn normalise(view: &View<'_>) -> Value {
    let paths = view
        .behaviors
        .iter()
        .map(|b| (b.path_pattern.as_str(), behavior_fields!(b)));
    let default = view.default.map(|b| ("default", behavior_fields!(b)));
    json!({
        "enabled": view.enabled,
        "aliases": view.aliases.map(Aliases::items).unwrap_or_default().iter().collect::<BTreeSet<_>>(),
        "origins": view.origins.map(Origins::items).unwrap_or_default().iter().map(origin_fields).collect::<Vec<_>>(),
        "behaviors": paths.chain(default).collect::<BTreeMap<_, _>>(),
        "order": view.behaviors.iter().map(|b| b.path_pattern.as_str()).collect::<Vec<_>>(),
        "price_class": view.price_class.map(PriceClass::as_str),
        // Lists tell it in capitals.
        "http_version": view.http_version.map(|version| version.as_str().to_ascii_lowercase()),
        "ipv6": view.ipv6,
        "web_acl": view.web_acl,
        "certificate": view.certificate.map(|certificate| json!({
            "arn": certificate.acm_certificate_arn(),
            "answers": certificate.ssl_support_method().map(SslSupportMethod::as_str),
            "oldest_tls": certificate.minimum_protocol_version().map(MinimumProtocolVersion::as_str),
        })),
    })
}

fn origin_fields(origin: &Origin) -> Value {
    let headers = origin
        .custom_headers()
        .map(CustomHeaders::items)
        .unwrap_or_default();
    let headers = headers.iter().map(|h| {
        (
            h.header_name.to_ascii_lowercase(),
            Secret::new(&h.header_value).fingerprint(),
        )
    });
    let connection = origin.custom_origin_config();
    let tls = connection
        .and_then(CustomOriginConfig::origin_ssl_protocols)
        .map(OriginSslProtocols::items);
    json!({
        "domain": origin.domain_name(),
        "path": origin.origin_path(),
        "headers": headers.collect::<BTreeMap<_, _>>(),
        "protocol": connection.map(|c| c.origin_protocol_policy().as_str()),
        "ports": connection.map(|c| [c.http_port(), c.https_port()]),
        "tls": tls.unwrap_or_default().iter().map(SslProtocol::as_str).collect::<BTreeSet<_>>(),
        "read_timeout_seconds": connection.and_then(CustomOriginConfig::origin_read_timeout),
        "keep_alive_seconds": connection.and_then(CustomOriginConfig::origin_keepalive_timeout),
    })
}

fn method_names(methods: &[Method]) -> BTreeSet<&str> {
    methods.iter().map(Method::as_str).collect()
}

fn function_names(functions: Option<&FunctionAssociations>) -> BTreeSet<String> {
    let items = functions
        .map(FunctionAssociations::items)
        .unwrap_or_default();
    items
        .iter()
        .map(|f| format!("{}: {}", f.event_type(), f.function_arn()))
        .collect()
}
