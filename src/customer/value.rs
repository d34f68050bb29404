//! Values of attributes: what each type accepts, and how it is written as JSON.
