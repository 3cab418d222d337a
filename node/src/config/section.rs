//! The macro behind every group of settings: one declaration gives the flag, the environment variable, the key of the
//! configuration file and the default, so that the four cannot drift apart.

/// Declares a group of settings as two types.
///
/// `$options` has an `Option` for each setting: what one source (command line and environment, or file) says.
/// `$config` has the values that hold. `$options::or` lays one source over another, `$options::or_defaults` ends it.
/// Defaults may depend on whether the node is a development node, which the expression sees as the name in brackets.
macro_rules! section {
    (
        $(#[$section_meta:meta])*
        $options:ident => $config:ident ($dev:ident)
        switches { $( $(#[doc = $s_doc:literal])* $(#[arg($($s_arg:tt)*)])? $s_name:ident [$s_flag:literal, $s_env:literal] = $s_default:expr; )* }
        values { $( $(#[doc = $v_doc:literal])* $(#[arg($($v_arg:tt)*)])? $v_name:ident: $v_type:ty [$v_flag:literal, $v_env:literal, $v_value:literal] = $v_default:expr; )* }
        optional { $( $(#[doc = $o_doc:literal])* $(#[arg($($o_arg:tt)*)])? $o_name:ident: $o_type:ty [$o_flag:literal, $o_env:literal, $o_value:literal]; )* }
    ) => {
        $(#[$section_meta])*
        ///
        /// What one source says; see the type without `Options` for what holds.
        #[derive(Debug, Clone, Default, PartialEq, clap::Args, serde::Deserialize)]
        #[serde(deny_unknown_fields, rename_all = "kebab-case")]
        pub struct $options {
            $(
                $(#[doc = $s_doc])*
                $(#[arg($($s_arg)*)])?
                #[arg(id = $s_flag, long = $s_flag, env = $s_env, value_name = "BOOL",
                      num_args = 0..=1, require_equals = true, default_missing_value = "true")]
                pub $s_name: Option<bool>,
            )*
            $(
                $(#[doc = $v_doc])*
                $(#[arg($($v_arg)*)])?
                #[arg(id = $v_flag, long = $v_flag, env = $v_env, value_name = $v_value)]
                pub $v_name: Option<$v_type>,
            )*
            $(
                $(#[doc = $o_doc])*
                $(#[arg($($o_arg)*)])?
                #[arg(id = $o_flag, long = $o_flag, env = $o_env, value_name = $o_value)]
                pub $o_name: Option<$o_type>,
            )*
        }

        impl $options {
            /// These settings, and those of `below` where these say nothing.
            #[must_use]
            pub fn or(self, below: Self) -> Self {
                Self {
                    $( $s_name: self.$s_name.or(below.$s_name), )*
                    $( $v_name: self.$v_name.or(below.$v_name), )*
                    $( $o_name: self.$o_name.or(below.$o_name), )*
                }
            }

            /// The settings that hold: defaults where nothing was said.
            #[must_use]
            #[allow(unused_variables)]
            pub fn or_defaults(self, $dev: bool) -> $config {
                $config {
                    $( $s_name: self.$s_name.unwrap_or($s_default), )*
                    $( $v_name: self.$v_name.unwrap_or_else(|| $v_default), )*
                    $( $o_name: self.$o_name, )*
                }
            }
        }

        $(#[$section_meta])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize)]
        #[serde(rename_all = "kebab-case")]
        pub struct $config {
            $( $(#[doc = $s_doc])* pub $s_name: bool, )*
            $( $(#[doc = $v_doc])* pub $v_name: $v_type, )*
            $( $(#[doc = $o_doc])* #[serde(skip_serializing_if = "Option::is_none")] pub $o_name: Option<$o_type>, )*
        }
    };
}
pub(super) use section;
