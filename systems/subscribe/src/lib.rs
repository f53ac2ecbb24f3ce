//! Commands of clients become displays, subscriptions, views, cameras and models.
