//! What is known of a setting without its value, and the macro that declares settings.

/// A setting as it is declared.
#[derive(Clone, Copy, Debug)]
pub struct Declaration {
    /// The section it stands in; empty for none.
    pub section: &'static str,
    /// Its name in the section.
    pub name: &'static str,
    /// Its type.
    pub type_name: &'static str,
    /// What a value has to look like, as messages say it.
    pub expected: &'static str,
    /// The default, as text.
    pub default: Option<&'static str>,
    /// The least and the greatest value, as texts.
    pub range: Option<(&'static str, &'static str)>,
    /// The lines that say what it means.
    pub doc: &'static [&'static str],
    flag: Option<&'static str>,
}

/// A section of the file.
#[derive(Clone, Copy, Debug)]
pub struct Section {
    /// Its name; empty for settings in front of all sections.
    pub name: &'static str,
    /// The lines that say what it is about.
    pub doc: &'static [&'static str],
    /// Its settings.
    pub settings: &'static [Declaration],
}

impl Section {
    /// What it is about.
    #[must_use]
    pub fn meaning(&self) -> String {
        joined(self.doc)
    }
}

impl Declaration {
    #[expect(clippy::too_many_arguments, reason = "only the macro below calls it")]
    pub(crate) const fn new(
        section: &'static str,
        name: &'static str,
        type_name: &'static str,
        expected: &'static str,
        default: Option<&'static str>,
        range: Option<(&'static str, &'static str)>,
        doc: &'static [&'static str],
        flag: Option<&'static str>,
    ) -> Self {
        Self {
            section,
            name,
            type_name,
            expected,
            default,
            range,
            doc,
            flag,
        }
    }

    /// Its name in the file, with that of its section.
    #[must_use]
    pub fn key(&self) -> String {
        match self.section {
            "" => self.name.to_owned(),
            section => format!("{section}.{}", self.name),
        }
    }

    /// Its flag on the command line, without the dashes in front.
    #[must_use]
    pub fn flag(&self) -> String {
        match self.flag {
            Some(flag) => flag.to_owned(),
            None => self.key().replace(['.', '_'], "-"),
        }
    }

    /// Its variable of the environment.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("RETROGRAPH_{}", self.key().replace('.', "_").to_uppercase())
    }

    /// What it means.
    #[must_use]
    pub fn meaning(&self) -> String {
        joined(self.doc)
    }
}

fn joined(lines: &[&str]) -> String {
    let lines: Vec<&str> = lines.iter().map(|line| line.trim()).collect();
    lines.join(" ")
}

/// Declares sections of settings: a struct for each section, one that holds them all, and what is known
/// of each setting without its value.
///
/// ```text
/// /// What the section is about.
/// ["name in the file"] field: Type {
///     /// What the setting means.
///     name: type = "default", from "least" to "most", flag "not-the-usual-flag";
/// }
/// ```
macro_rules! settings {
    ($(
        $(#[doc = $section_doc:literal])+
        [$section:literal] $field:ident: $Section:ident {
            $(
                $(#[doc = $doc:literal])+
                $name:ident: $type:ty
                    $(= $default:literal)?
                    $(, from $least:literal to $most:literal)?
                    $(, flag $flag:literal)?;
            )+
        }
    )+) => {
        /// The settings of a server.
        #[derive(Clone, Debug, PartialEq)]
        pub struct Settings {
            $( $(#[doc = $section_doc])+ pub $field: $Section, )+
        }

        $(
            $(#[doc = $section_doc])+
            #[derive(Clone, Debug, PartialEq)]
            pub struct $Section {
                $( $(#[doc = $doc])+ pub $name: $type, )+
            }
        )+

        /// All settings as they are declared, in the order of the page that describes them.
        pub const SECTIONS: &[Section] = &[$(
            Section {
                name: $section,
                doc: &[$($section_doc),+],
                settings: &[$(
                    Declaration::new(
                        $section,
                        stringify!($name),
                        <$type as Value>::TYPE,
                        <$type as Value>::EXPECTED,
                        settings!(@optional $($default)?),
                        settings!(@optional $(($least, $most))?),
                        &[$($doc),+],
                        settings!(@optional $($flag)?),
                    ),
                )+],
            },
        )+];

        impl Settings {
            /// Reads all of them, so that all problems are found; there are none if it is one.
            pub(crate) fn read(reader: &mut Reader<'_>) -> Option<Self> {
                $(
                    $( let $name = reader.read::<$type>($section, stringify!($name)); )+
                    let $field = (|| Some($Section { $( $name: $name?, )+ }))();
                )+
                Some(Self { $( $field: $field?, )+ })
            }
        }
    };
    (@optional) => { None };
    (@optional $value:expr) => { Some($value) };
}

pub(crate) use settings;
