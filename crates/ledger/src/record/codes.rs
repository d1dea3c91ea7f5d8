//! The closed vocabularies of a record: each value has one stable name, in snake case.
//!
//! What always holds: names are never reused with another meaning; new ones are added at the end.

macro_rules! code {
    ($(#[$doc:meta])* $name:ident { $( $(#[$vdoc:meta])* $variant:ident = $text:literal, )* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum $name { $( $(#[$vdoc])* $variant, )* }

        impl $name {
            /// Every value, in the order of their numbers.
            pub const ALL: &'static [$name] = &[ $( $name::$variant, )* ];

            /// The name that records use.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $( $name::$variant => $text, )* }
            }

            /// The value of that name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $( $text => Some($name::$variant), )* _ => None }
            }
        }
    };
}

code!(
    /// What was decided.
    Decision {
        /// Went on.
        Allowed = "allowed",
        /// Was stopped.
        Denied = "denied",
        /// Would have been denied; observe mode let it go on.
        Observed = "observed",
        /// Could not be decided or carried out.
        Error = "error",
    }
);

code!(
    /// Why. Names that the judge or the parser has too are spelled as there, so that `from_name` maps them.
    Reason {
        /// No manifest for the agent.
        NoManifest = "no_manifest",
        /// The manifest has expired.
        Expired = "expired",
        /// The model is not in the manifest.
        ModelNotListed = "model_not_listed",
        /// The tool is not in the manifest.
        ToolNotListed = "tool_not_listed",
        /// An argument predicate did not hold.
        ArgumentRefused = "argument_refused",
        /// A finding that the manifest blocks.
        FindingRefused = "finding_refused",
        /// A provider-side feature that the manifest does not name.
        FeatureNotListed = "feature_not_listed",
        /// A beta that the manifest does not name.
        BetaNotListed = "beta_not_listed",
        /// An operator's own policy forbids it.
        PolicyForbids = "policy_forbids",
        /// A policy could not be evaluated.
        EvaluationError = "evaluation_error",
        /// No policy permits it.
        DefaultDeny = "default_deny",
        /// Not UTF-8.
        InvalidUtf8 = "invalid_utf8",
        /// Not JSON.
        InvalidJson = "invalid_json",
        /// A second value after the first.
        TrailingData = "trailing_data",
        /// A key twice in one object.
        DuplicateKey = "duplicate_key",
        /// Two keys that differ only in case.
        CaseCollision = "case_collision",
        /// Nested too deep.
        TooDeep = "too_deep",
        /// Too many of something.
        TooMany = "too_many",
        /// A field that the dialect's table does not know.
        UnknownField = "unknown_field",
        /// A type or value that the dialect's table does not know.
        UnknownVariant = "unknown_variant",
        /// A value of the wrong type.
        WrongType = "wrong_type",
        /// A required field is missing.
        MissingField = "missing_field",
        /// Known and not supported.
        Unsupported = "unsupported",
        /// The upstream's stream is broken.
        BadStream = "bad_stream",
        /// No credential, or one that does not hold.
        Unauthenticated = "unauthenticated",
        /// The key was revoked or has expired.
        KeyRevoked = "key_revoked",
        /// A kill switch is set.
        Killed = "killed",
        /// Too many requests in the window.
        BudgetRequests = "budget_requests",
        /// Too many tokens in the window.
        BudgetTokens = "budget_tokens",
        /// Too much spent in the window.
        BudgetCost = "budget_cost",
        /// Too many at once.
        BudgetConcurrent = "budget_concurrent",
        /// The body is over its limit.
        BodyTooLarge = "body_too_large",
        /// No such route.
        UnknownRoute = "unknown_route",
        /// A stream held back more than its cap.
        HoldCap = "hold_cap",
        /// A provider-issued block that was issued to another principal.
        IssuedElsewhere = "issued_elsewhere",
        /// What had to change stands where nothing may change.
        CannotSplice = "cannot_splice",
        /// A detector failed.
        DetectorFailed = "detector_failed",
        /// No upstream serves it.
        NoUpstream = "no_upstream",
        /// The upstream could not be reached.
        UpstreamUnreachable = "upstream_unreachable",
        /// The upstream took too long.
        UpstreamTimeout = "upstream_timeout",
        /// The upstream answered with an error.
        UpstreamError = "upstream_error",
        /// The caller went away.
        CallerGone = "caller_gone",
        /// The gateway is overloaded.
        Overloaded = "overloaded",
        /// The gateway is stopping.
        Draining = "draining",
        /// A fault of Cordon's own.
        Internal = "internal",
        /// A reason that this list has no name for yet.
        Other = "other",
        /// The operator has not said what the tool does.
        EffectUnknown = "effect_unknown",
        /// The tool is quarantined: its definition changed or is suspicious.
        Quarantined = "tool_quarantined",
        /// The arguments are not what the tool's schema takes.
        SchemaRefused = "schema_refused",
        /// The tool may not be called at this time.
        OutsideHours = "outside_hours",
        /// The tool was called as often as it may be.
        TooManyCalls = "too_many_calls",
        /// Untrusted content supplied the target.
        TargetUntrusted = "target_untrusted",
        /// Data above its class would have left.
        ClassRefused = "class_refused",
        /// People must approve it first.
        Held = "waiting_for_approval",
        /// An approver: nobody wanted this call.
        Unexpected = "unexpected",
        /// An approver: it goes to the wrong place.
        WrongTarget = "wrong_target",
        /// An approver: it looks like an attack.
        Suspicious = "suspicious",
        /// An approver: it is against a rule of the house.
        NotPermitted = "not_permitted",
        /// The access token does not have the scopes that this needs.
        InsufficientScope = "insufficient_scope",
        /// The tool server did not take the gateway's credential, or none could be had.
        UpstreamAuth = "upstream_auth",
    }
);

code!(
    /// What enforcement did.
    Obligation {
        /// Replaced by a mask.
        Mask = "mask",
        /// Taken out.
        Redact = "redact",
        /// Told the operator.
        Notify = "notify",
        /// The answer's length was capped.
        Cap = "cap",
    }
);

code!(
    /// How an exchange ended.
    Finish {
        /// To its end.
        Complete = "complete",
        /// Refused before anything was released.
        Blocked = "blocked",
        /// Refused midway: some had been released.
        Cut = "cut",
        /// The upstream broke off.
        UpstreamBroke = "upstream_broke",
        /// The caller went away.
        CallerGone = "caller_gone",
        /// A kill switch ended it.
        Killed = "killed",
        /// A fault of Cordon's own.
        Failed = "failed",
    }
);

code!(
    /// What an operator or Cordon itself did.
    ControlKind {
        /// The gateway started.
        Start = "start",
        /// The gateway stopped.
        Stop = "stop",
        /// Files were loaded anew.
        Reload = "reload",
        /// Files were refused; the old ones stay.
        ReloadRefused = "reload_refused",
        /// A key was made.
        KeyCreated = "key_created",
        /// A key was revoked.
        KeyRevoked = "key_revoked",
        /// A kill switch was set.
        Kill = "kill",
        /// A kill switch was lifted.
        Unkill = "unkill",
        /// A request was refused before it had a body or an agent.
        Refusal = "refusal",
        /// The journal's torn tail was cut off at a start; `count` is its bytes.
        TornTail = "torn_tail",
        /// Somebody reviewed the posture; `by` is a pseudonym, `snapshot` the hash of what they reviewed.
        PostureReview = "posture_review",
        /// An epoch of linkable digests began; `of` is its number.
        EpochBegun = "epoch_begun",
        /// An epoch's key was destroyed; `of` is its number.
        EpochShredded = "epoch_shredded",
        /// The salt of one record's commitment was destroyed; `of` is the record's index.
        SaltShredded = "salt_shredded",
        /// The salts of all records before `to` were destroyed; `count` is how many.
        SaltsShredded = "salts_shredded",
        /// A legal hold was set; `of` is its number, the other fields its scope.
        HoldSet = "hold_set",
        /// A legal hold was lifted; `of` is its number.
        HoldLifted = "hold_lifted",
        /// Entries below `of` were given up; `count` is how many bundles.
        Pruned = "pruned",
        /// A tool call waits for people; `count` is how many are needed, `to` until when.
        ApprovalAsked = "approval_asked",
        /// Somebody allowed a held call; `count` is how many people are still needed, `to` until when it may be used.
        ApprovalAllowed = "approval_allowed",
        /// The end user allowed a held call in their client, which the operator says a person runs; `to`: until when it
        /// may be used.
        ApprovalConsented = "approval_consented",
        /// Somebody denied a held call, or took an unused grant back; without `by`, the end user did.
        ApprovalDenied = "approval_denied",
        /// A held call's time was over: denied.
        ApprovalExpired = "approval_expired",
        /// A grant was used by a call; `count` is how many uses are left.
        ApprovalUsed = "approval_used",
        /// A server's tools were approved; `target` is the server, `snapshot` their digest, `count` how many. Without
        /// `by`, they were its first, and the operator's file lets those be.
        ToolsPinned = "tools_pinned",
        /// The approval was taken back.
        ToolsUnpinned = "tools_unpinned",
        /// A server declares other tools than were approved: `count` are new or changed, `snapshot` is the digest.
        ToolsChanged = "tools_changed",
        /// An agent's manifest was replaced by another; `snapshot` is the SHA-256 of its text.
        ManifestApplied = "manifest_applied",
        /// The manifest before was put in force again; `snapshot` as above.
        ManifestRolledBack = "manifest_rolled_back",
        /// A manifest was put beside the one in force, which enforces; `snapshot` as above, of the one beside.
        ManifestStaged = "manifest_staged",
        /// The manifest beside was taken away.
        ManifestUnstaged = "manifest_unstaged",
        /// Somebody acknowledged the note about a service that is not approved: `target` is the service, `by` the
        /// person, `snapshot` the SHA-256 of the note's text; `request` and `to` are the link's number and end, where
        /// it came by a link.
        ShadowAcknowledged = "shadow_acknowledged",
    }
);

code!(
    /// A place that failed and that the operator had chosen to open.
    Failed {
        /// A detector.
        Detector = "detector",
        /// A policy's evaluation.
        Policy = "policy",
        /// The ledger.
        Ledger = "ledger",
        /// The store.
        Store = "store",
    }
);
