//! The table of what is looked for.
//!
//! Every pattern is written from the public description of a format, runs in linear time, and holds nothing that it
//! matches itself, so that this file scans clean. It is deliberately a table and no configuration: a rule that anybody
//! can switch off by accident is no rule. Order matters: where two findings overlap, the earlier rule has it.

/// How grave a finding of a rule is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    Error,
    /// For credentials of test systems.
    Warning,
}

/// What a match must pass besides its pattern (see `judge`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Check {
    /// A format with a telling prefix or length: only placeholders are passed over.
    Format,
    /// As `Format`, and the secret has at least this Shannon entropy, in bits a character.
    Random(f64),
    /// The header of a private key, at the keyword: a body of base64 has to follow it.
    PemBody,
    /// The password of a URL: passed over when it or the host is one of documentation.
    UrlPassword,
    /// A value that is assigned to a telling name: judged by both. Not used when `entropy` is off.
    Assignment,
    /// As `Assignment`, for values without quotes: only in files of settings.
    BareAssignment,
}

/// One kind of secret.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// The stable name.
    pub id: &'static str,
    /// What it finds, in a few words.
    pub name: &'static str,
    pub severity: Severity,
    /// ASCII in lower case, compared without case. A line without any of them is not looked at.
    pub keywords: &'static [&'static str],
    /// The group `secret` is the secret (else the whole match); `name` and `host` are what `Check` wants.
    pub pattern: &'static str,
    pub check: Check,
    /// Where it is revoked.
    pub revoke: &'static str,
}

impl Rule {
    /// Whether the rule guesses from names and randomness rather than knowing a format.
    pub fn is_guess(&self) -> bool {
        matches!(self.check, Check::Assignment | Check::BareAssignment)
    }
}

const fn rule(
    id: &'static str,
    name: &'static str,
    keywords: &'static [&'static str],
    pattern: &'static str,
    check: Check,
    revoke: &'static str,
) -> Rule {
    Rule {
        id,
        name,
        severity: Severity::Error,
        keywords,
        pattern,
        check,
        revoke,
    }
}

const fn warning(rule: Rule) -> Rule {
    Rule {
        severity: Severity::Warning,
        ..rule
    }
}

use Check::{Assignment, BareAssignment, Format, PemBody, Random, UrlPassword};

const AWS: &str = "AWS IAM (security credentials of the user or role)";
const GCP: &str = "Google Cloud (APIs and services, credentials)";
const AZURE: &str = "the Azure portal (keys of the resource)";
const ENTRA: &str = "Microsoft Entra (certificates and secrets of the app)";
const GITHUB: &str = "GitHub (settings, developer settings, or the app's page)";
const GITLAB: &str = "GitLab (access tokens of the user, group or project)";
const SLACK: &str = "Slack (the app's page, OAuth and permissions or webhooks)";
const OWNER: &str = "the service that issued it";

/// All rules.
pub const RULES: &[Rule] = &[
    // Private keys.
    rule(
        "private-key",
        "private key in PEM or PGP armour",
        &["-----begin"],
        r"^-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----",
        PemBody,
        "everything that trusts its public half",
    ),
    rule(
        "age-secret-key",
        "age secret key",
        &["age-secret-key-1"],
        r"\b(?P<secret>AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58})\b",
        Format,
        "everything that is encrypted to it",
    ),
    // Clouds.
    rule(
        "aws-access-key-id",
        "AWS access key id",
        &["akia", "asia", "abia", "acca"],
        r"\b(?P<secret>(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16})\b",
        Format,
        AWS,
    ),
    rule(
        "aws-secret-access-key",
        "AWS secret access key",
        &[
            "secret_access_key",
            "secretaccesskey",
            "secret_key",
            "secretkey",
            "secret-access-key",
            "secret-key",
            "aws_secret",
        ],
        r#"(?i)secret[_-]?(?:access[_-]?)?(?:key)?["'\]]{0,2}\s{0,8}(?:=>|:=|=|:)\s{0,8}["'`]?(?P<secret>[a-z0-9/+]{40})(?:[^a-z0-9/+=]|$)"#,
        Random(4.1),
        AWS,
    ),
    rule(
        "gcp-api-key",
        "Google API key",
        &["aiza"],
        r"\b(?P<secret>AIza[A-Za-z0-9_-]{35})(?:[^A-Za-z0-9_-]|$)",
        Format,
        GCP,
    ),
    rule(
        "gcp-service-account-key",
        "key of a Google service account",
        &["private_key_id"],
        r#""private_key_id"\s{0,8}:\s{0,8}"(?P<secret>[0-9a-f]{40})""#,
        Format,
        GCP,
    ),
    rule(
        "gcp-oauth-client-secret",
        "Google OAuth client secret",
        &["gocspx-"],
        r"\b(?P<secret>GOCSPX-[A-Za-z0-9_-]{28})(?:[^A-Za-z0-9_-]|$)",
        Format,
        GCP,
    ),
    rule(
        "gcp-access-token",
        "Google OAuth access token",
        &["ya29."],
        r"\b(?P<secret>ya29\.[A-Za-z0-9_-]{30,})",
        Format,
        GCP,
    ),
    rule(
        "azure-storage-key",
        "account key of Azure Storage or Cosmos DB",
        &["accountkey"],
        r"(?i)accountkey\s?=\s?(?P<secret>[a-z0-9+/]{86}==)",
        Format,
        AZURE,
    ),
    rule(
        "azure-shared-access-key",
        "shared access key of Azure Service Bus, Event Hubs or IoT Hub",
        &["sharedaccesskey="],
        r"(?i)sharedaccesskey=(?P<secret>[a-z0-9+/]{42,86}={1,2})",
        Format,
        AZURE,
    ),
    rule(
        "azure-sas-signature",
        "signature of an Azure shared access URL",
        &["sig="],
        r"[?&]sig=(?P<secret>[A-Za-z0-9%]{43,80}%3[dD])",
        Format,
        AZURE,
    ),
    rule(
        "azure-client-secret",
        "client secret of a Microsoft Entra app",
        &["q~"],
        r"(?:^|[^A-Za-z0-9_~.-])(?P<secret>[A-Za-z0-9_~.-]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34})(?:[^A-Za-z0-9_~.-]|$)",
        Format,
        ENTRA,
    ),
    rule(
        "azure-devops-token",
        "Azure DevOps personal access token",
        &["azdo"],
        r"\b(?P<secret>[A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4})\b",
        Format,
        "Azure DevOps (user settings, personal access tokens)",
    ),
    rule(
        "digitalocean-token",
        "DigitalOcean token",
        &["dop_v1_", "doo_v1_", "dor_v1_"],
        r"\b(?P<secret>do[opr]_v1_[a-f0-9]{64})\b",
        Format,
        "DigitalOcean (API, tokens)",
    ),
    rule(
        "heroku-token",
        "Heroku API token",
        &["hrku-"],
        r"\b(?P<secret>HRKU-[A-Za-z0-9_-]{36,64})",
        Format,
        "Heroku (account, authorizations)",
    ),
    rule(
        "heroku-api-key",
        "Heroku API key",
        &["heroku"],
        r#"(?i)heroku[a-z0-9_. -]{0,24}["'\]]{0,2}\s{0,4}(?:=>|:=|=|:)\s{0,4}["'`]?(?P<secret>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\b"#,
        Format,
        "Heroku (account, API key)",
    ),
    rule(
        "cloudflare-origin-ca-key",
        "Cloudflare origin CA key",
        &["v1.0-"],
        r"\b(?P<secret>v1\.0-[a-f0-9]{24}-[a-f0-9]{146})\b",
        Format,
        "Cloudflare (profile, API tokens)",
    ),
    rule(
        "alibaba-access-key-id",
        "Alibaba Cloud access key id",
        &["ltai"],
        r"\b(?P<secret>LTAI[A-Za-z0-9]{20})\b",
        Random(3.0),
        "Alibaba Cloud (RAM)",
    ),
    rule(
        "fly-token",
        "Fly.io token",
        &["fo1_", "fm2_"],
        r"\b(?P<secret>fo1_[A-Za-z0-9_-]{43}|fm2_[A-Za-z0-9+/]{100,}={0,2})",
        Format,
        "Fly.io (tokens)",
    ),
    rule(
        "netlify-token",
        "Netlify token",
        &["nfp_"],
        r"\b(?P<secret>nfp_[A-Za-z0-9]{36,80})\b",
        Format,
        "Netlify (user settings, applications)",
    ),
    rule(
        "planetscale-token",
        "PlanetScale credential",
        &["pscale_"],
        r"\b(?P<secret>pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_.=-]{32,64})",
        Format,
        "PlanetScale (settings)",
    ),
    rule(
        "supabase-token",
        "Supabase access token",
        &["sbp_"],
        r"\b(?P<secret>sbp_[a-f0-9]{40})\b",
        Format,
        "Supabase (account, access tokens)",
    ),
    rule(
        "databricks-token",
        "Databricks token",
        &["dapi"],
        r"\b(?P<secret>dapi[a-f0-9]{32})(?:-[0-9])?\b",
        Format,
        "Databricks (user settings, access tokens)",
    ),
    rule(
        "terraform-cloud-token",
        "Terraform Cloud token",
        &[".atlasv1."],
        r"\b(?P<secret>[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,70})",
        Format,
        "HCP Terraform (user settings, tokens)",
    ),
    rule(
        "pulumi-token",
        "Pulumi access token",
        &["pul-"],
        r"\b(?P<secret>pul-[a-f0-9]{40})\b",
        Format,
        "Pulumi (personal access tokens)",
    ),
    rule(
        "vault-token",
        "HashiCorp Vault token",
        &["hvs.", "hvb.", "hvr."],
        r"\b(?P<secret>hv[sbr]\.[A-Za-z0-9_-]{24,})",
        Format,
        "Vault (`vault token revoke`)",
    ),
    rule(
        "doppler-token",
        "Doppler token",
        &["dp.pt.", "dp.st.", "dp.sa.", "dp.ct."],
        r"\b(?P<secret>dp\.(?:pt|sa|ct|st\.(?:[a-z0-9_-]{2,35}\.)?)\.?[A-Za-z0-9]{40,44})\b",
        Format,
        "Doppler (tokens)",
    ),
    // Code hosts, registries, tools.
    rule(
        "github-token",
        "GitHub token",
        &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"],
        r"\b(?P<secret>gh[pousr]_[A-Za-z0-9]{36,})",
        Format,
        GITHUB,
    ),
    rule(
        "github-fine-grained-token",
        "GitHub fine-grained personal access token",
        &["github_pat_"],
        r"\b(?P<secret>github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59})\b",
        Format,
        GITHUB,
    ),
    rule(
        "gitlab-token",
        "GitLab token",
        &[
            "glpat-", "gldt-", "glrt-", "glptt-", "glcbt-", "glagent-", "gloas-", "glsoat-", "glft-", "glimt-",
            "glffct-",
        ],
        r"\b(?P<secret>gl(?:pat|dt|rt|ptt|cbt|agent|oas|soat|ft|imt|ffct)-[A-Za-z0-9_.-]{20,})",
        Format,
        GITLAB,
    ),
    rule(
        "atlassian-token",
        "Atlassian API token",
        &["atatt3"],
        r"\b(?P<secret>ATATT3[A-Za-z0-9_=-]{180,})",
        Format,
        "Atlassian (account, security, API tokens)",
    ),
    rule(
        "npm-token",
        "npm access token",
        &["npm_"],
        r"\b(?P<secret>npm_[A-Za-z0-9]{36})\b",
        Format,
        "npm (access tokens)",
    ),
    rule(
        "npmrc-auth-token",
        "auth token of an npm registry",
        &["_authtoken"],
        r#"_authToken\s{0,4}=\s{0,4}["']?(?P<secret>[A-Za-z0-9_+/=-]{20,})"#,
        Random(3.0),
        "the npm registry",
    ),
    rule(
        "pypi-token",
        "PyPI upload token",
        &["pypi-age"],
        r"\b(?P<secret>pypi-AgE[A-Za-z0-9_-]{60,})",
        Format,
        "PyPI (account settings, API tokens)",
    ),
    rule(
        "crates-io-token",
        "crates.io token",
        &["cio"],
        r"\b(?P<secret>cio[A-Za-z0-9]{32})\b",
        Random(3.8),
        "crates.io (account settings, API tokens)",
    ),
    rule(
        "docker-hub-token",
        "Docker Hub token",
        &["dckr_pat_", "dckr_oat_"],
        r"\b(?P<secret>dckr_[po]at_[A-Za-z0-9_-]{27,40})",
        Format,
        "Docker Hub (account settings, personal access tokens)",
    ),
    rule(
        "docker-config-auth",
        "registry password in a Docker config",
        &["\"auth\""],
        r#""auth"\s{0,8}:\s{0,8}"(?P<secret>[A-Za-z0-9+/]{16,}={0,2})""#,
        Random(3.0),
        "the container registry",
    ),
    rule(
        "rubygems-token",
        "RubyGems API key",
        &["rubygems_"],
        r"\b(?P<secret>rubygems_[a-f0-9]{48})\b",
        Format,
        "RubyGems (settings, API keys)",
    ),
    rule(
        "nuget-key",
        "NuGet API key",
        &["oy2"],
        r"\b(?P<secret>oy2[a-z0-9]{43})\b",
        Random(3.5),
        "NuGet (API keys)",
    ),
    rule(
        "postman-key",
        "Postman API key",
        &["pmak-"],
        r"\b(?P<secret>PMAK-[a-f0-9]{24}-[a-f0-9]{34})\b",
        Format,
        "Postman (account settings, API keys)",
    ),
    rule(
        "linear-key",
        "Linear API key",
        &["lin_api_"],
        r"\b(?P<secret>lin_api_[A-Za-z0-9]{40})\b",
        Format,
        "Linear (settings, API)",
    ),
    rule(
        "figma-token",
        "Figma personal access token",
        &["figd_"],
        r"\b(?P<secret>figd_[A-Za-z0-9_-]{38,60})",
        Format,
        "Figma (settings, security)",
    ),
    rule(
        "airtable-token",
        "Airtable personal access token",
        &["pat"],
        r"\b(?P<secret>pat[A-Za-z0-9]{14}\.[a-f0-9]{64})\b",
        Format,
        "Airtable (developer hub)",
    ),
    rule(
        "sentry-token",
        "Sentry auth token",
        &["sntrys_", "sntryu_"],
        r"\b(?P<secret>sntrys_eyJ[A-Za-z0-9+/=_-]{60,}|sntryu_[a-f0-9]{64})",
        Format,
        "Sentry (settings, auth tokens)",
    ),
    rule(
        "grafana-token",
        "Grafana token",
        &["glsa_", "glc_"],
        r"\b(?P<secret>glsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}|glc_[A-Za-z0-9+/]{32,}={0,2})",
        Format,
        "Grafana (service accounts, access policies)",
    ),
    rule(
        "new-relic-key",
        "New Relic user key",
        &["nrak-"],
        r"\b(?P<secret>NRAK-[A-Z0-9]{27})\b",
        Format,
        "New Relic (API keys)",
    ),
    rule(
        "dynatrace-token",
        "Dynatrace token",
        &["dt0c01."],
        r"\b(?P<secret>dt0c01\.[A-Z0-9]{24}\.[A-Z0-9]{64})\b",
        Format,
        "Dynatrace (access tokens)",
    ),
    // Models.
    rule(
        "anthropic-key",
        "Anthropic API key",
        &["sk-ant-"],
        r"\b(?P<secret>sk-ant-[a-z0-9]{2,10}-[A-Za-z0-9_-]{60,})",
        Format,
        "the Anthropic console (API keys)",
    ),
    rule(
        "openai-key",
        "OpenAI API key",
        &["sk-proj-", "sk-svcacct-", "sk-admin-", "t3blbkfj"],
        r"\b(?P<secret>sk-(?:proj|svcacct|admin)-[A-Za-z0-9_-]{40,}|sk-[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20})",
        Format,
        "OpenAI (API keys)",
    ),
    rule(
        "hugging-face-token",
        "Hugging Face token",
        &["hf_"],
        r"\b(?P<secret>hf_[A-Za-z0-9]{34,40})\b",
        Random(3.5),
        "Hugging Face (settings, access tokens)",
    ),
    // Payment, mail, chat.
    rule(
        "stripe-key",
        "Stripe live key",
        &["sk_live_", "rk_live_", "sk_prod_", "rk_prod_"],
        r"\b(?P<secret>[sr]k_(?:live|prod)_[A-Za-z0-9]{16,})\b",
        Format,
        "Stripe (developers, API keys)",
    ),
    warning(rule(
        "stripe-test-key",
        "Stripe test key",
        &["sk_test_", "rk_test_"],
        r"\b(?P<secret>[sr]k_test_[A-Za-z0-9]{16,})\b",
        Format,
        "Stripe (developers, API keys)",
    )),
    rule(
        "stripe-webhook-secret",
        "Stripe webhook signing secret",
        &["whsec_"],
        r"\b(?P<secret>whsec_[A-Za-z0-9+/]{32,64}={0,2})",
        Format,
        "Stripe (developers, webhooks)",
    ),
    rule(
        "square-token",
        "Square credential",
        &["sq0atp-", "sq0csp-"],
        r"\b(?P<secret>sq0(?:atp|csp)-[A-Za-z0-9_-]{22,43})",
        Format,
        "Square (developer console)",
    ),
    rule(
        "shopify-token",
        "Shopify token",
        &["shpat_", "shpca_", "shppa_", "shpss_"],
        r"\b(?P<secret>shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32})\b",
        Format,
        "Shopify (apps)",
    ),
    rule(
        "twilio-api-key",
        "Twilio API key",
        &[
            "sk0", "sk1", "sk2", "sk3", "sk4", "sk5", "sk6", "sk7", "sk8", "sk9", "ska", "skb", "skc", "skd", "ske",
            "skf",
        ],
        r"\b(?P<secret>SK[0-9a-f]{32})\b",
        Random(2.8),
        "Twilio (account, API keys)",
    ),
    rule(
        "twilio-auth-token",
        "Twilio auth token",
        &["twilio"],
        r#"(?i)twilio[a-z0-9_. -]{0,32}["'\]]{0,2}\s{0,4}(?:=>|:=|=|:)\s{0,4}["'`]?(?P<secret>[0-9a-f]{32})\b"#,
        Random(2.8),
        "Twilio (account, API keys)",
    ),
    rule(
        "sendgrid-key",
        "SendGrid API key",
        &["sg."],
        r"\b(?P<secret>SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43})(?:[^A-Za-z0-9_-]|$)",
        Format,
        "SendGrid (settings, API keys)",
    ),
    rule(
        "mailgun-key",
        "Mailgun key",
        &["key-", "mailgun"],
        r#"\b(?P<secret>key-[0-9a-f]{32})\b|(?i:mailgun)[A-Za-z0-9_. -]{0,32}["'\]]{0,2}\s{0,4}(?:=>|:=|=|:)\s{0,4}["'`]?[0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{8}\b"#,
        Random(2.8),
        "Mailgun (API security)",
    ),
    rule(
        "mailchimp-key",
        "Mailchimp API key",
        &["-us"],
        r"\b(?P<secret>[0-9a-f]{32}-us[0-9]{1,2})\b",
        Format,
        "Mailchimp (account, API keys)",
    ),
    rule(
        "slack-token",
        "Slack token",
        &["xoxa-", "xoxb-", "xoxe-", "xoxe.", "xoxo-", "xoxp-", "xoxr-", "xoxs-"],
        r"\b(?P<secret>xox[abeoprs](?:\.xox[bp])?-[A-Za-z0-9-]{20,})",
        Format,
        SLACK,
    ),
    rule(
        "slack-app-token",
        "Slack app-level token",
        &["xapp-"],
        r"\b(?P<secret>xapp-[0-9]-[A-Z0-9]{6,20}-[0-9]{6,20}-[a-z0-9]{32,80})\b",
        Format,
        SLACK,
    ),
    rule(
        "slack-webhook",
        "Slack webhook URL",
        &["hooks.slack.com/"],
        r"hooks\.slack\.com/(?:services|workflows|triggers)/(?P<secret>[A-Za-z0-9+/]{36,})",
        Format,
        SLACK,
    ),
    rule(
        "discord-webhook",
        "Discord webhook URL",
        &["/api/webhooks/"],
        r"discord(?:app)?\.com/api/webhooks/[0-9]{17,20}/(?P<secret>[A-Za-z0-9_-]{60,80})",
        Format,
        "Discord (server settings, integrations)",
    ),
    rule(
        "teams-webhook",
        "Microsoft Teams webhook URL",
        &["webhook.office.com/"],
        r"webhook\.office\.com/webhookb2/(?P<secret>[a-f0-9-]{36}@[a-f0-9-]{36}/IncomingWebhook/[a-f0-9]{32}/[a-f0-9-]{36})",
        Format,
        "Microsoft Teams (connectors of the channel)",
    ),
    rule(
        "telegram-bot-token",
        "Telegram bot token",
        &[":aa"],
        r"\b(?P<secret>[0-9]{8,10}:AA[A-Za-z0-9_-]{33})(?:[^A-Za-z0-9_-]|$)",
        Format,
        "Telegram (BotFather, `/revoke`)",
    ),
    // Formats that any service uses.
    rule(
        "jwt",
        "JSON Web Token",
        &["eyj"],
        r"\b(?P<secret>eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{16,})",
        Format,
        OWNER,
    ),
    rule(
        "database-url-password",
        "password in the URL of a database or queue",
        &[
            "postgres",
            "mysql://",
            "mariadb://",
            "mongodb",
            "redis://",
            "rediss://",
            "amqp://",
            "amqps://",
            "mssql://",
            "sqlserver://",
            "clickhouse://",
            "cockroachdb://",
        ],
        r#"(?i)\b(?:postgres(?:ql)?|mysql|mariadb|mongodb|rediss?|amqps?|mssql|sqlserver|clickhouse|cockroachdb)(?:\+[a-z0-9]{1,16})?://[^\s:/?#@"'`<>]{0,}:(?P<secret>[^\s/@"'`<>]{3,})@(?P<host>[a-z0-9._-]{1,}|\[)"#,
        UrlPassword,
        "the database (change the password)",
    ),
    rule(
        "basic-auth-url",
        "password in a URL",
        &["://"],
        r#"(?i)\b[a-z][a-z0-9+.-]{1,20}://[^\s:/?#@"'`<>]{1,}:(?P<secret>[^\s/?#@"'`<>]{3,})@(?P<host>[a-z0-9._-]{1,}|\[)"#,
        UrlPassword,
        OWNER,
    ),
    rule(
        "authorization-header",
        "credential in an Authorization header",
        &["authorization"],
        r#"(?i)(?P<name>authorization)["'`\]]{0,2}\s{0,4}(?:=>|:=|[:=,])\s{0,4}["'`]?(?:basic|bearer|token)\s{1,4}(?P<secret>[a-z0-9_.~+/=-]{16,})"#,
        Assignment,
        OWNER,
    ),
    rule(
        "generic-secret",
        "random-looking value of a name that says secret",
        GENERIC_NAMES,
        r#"(?i)(?P<name>[a-z0-9_.-]{0,60}(?:password|passwd|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|auth[_-]?key|signing[_-]?key|encryption[_-]?key|private[_-]?key|credential)[a-z0-9_.-]{0,40})["'`\]]{0,2}\s{0,8}(?:=>|:=|={1,3}|:)\s{0,8}[a-z&]{0,2}["'`](?P<secret>[^"'`\s]{8,})["'`]"#,
        Assignment,
        OWNER,
    ),
    rule(
        "generic-secret-unquoted",
        "random-looking value of a name that says secret, in a file of settings",
        GENERIC_NAMES,
        r#"(?i)(?P<name>[a-z0-9_.-]{0,60}(?:password|passwd|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|auth[_-]?key|signing[_-]?key|encryption[_-]?key|private[_-]?key|credential)[a-z0-9_.-]{0,40})["']?[ \t]{0,8}[:=][ \t]{0,8}(?P<secret>[^\s"'`<>(){}\[\],;$|\\]{8,})[ \t\r]{0,16}(?:#.{0,})?$"#,
        BareAssignment,
        OWNER,
    ),
];

const GENERIC_NAMES: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "token",
    "apikey",
    "api_key",
    "api-key",
    "accesskey",
    "access_key",
    "access-key",
    "authkey",
    "auth_key",
    "auth-key",
    "signingkey",
    "signing_key",
    "signing-key",
    "encryptionkey",
    "encryption_key",
    "encryption-key",
    "privatekey",
    "private_key",
    "private-key",
    "credential",
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_rule_is_well_formed() {
        // Names are unique and kebab-case, keywords are lower case and in use, patterns compile in their final form.
        let mut seen = std::collections::BTreeSet::new();
        for rule in RULES {
            assert!(seen.insert(rule.id), "`{}` is there twice", rule.id);
            assert!(
                rule.id
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'),
                "{}",
                rule.id
            );
            assert!(!rule.keywords.is_empty(), "{}", rule.id);
            for keyword in rule.keywords {
                assert!(
                    keyword.len() >= 2 && *keyword == keyword.to_ascii_lowercase(),
                    "{}: {keyword}",
                    rule.id
                );
            }
            crate::text::compile(rule).unwrap();
        }
    }
}
