//! The window itself, on the main thread: other systems allow it nowhere else.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use egui::ViewportId;
use winit::application::ApplicationHandler;
use winit::dpi::LogicalSize;
use winit::event::WindowEvent;
use winit::event_loop::{ActiveEventLoop, ControlFlow, EventLoop};
use winit::window::WindowId;

use crate::error::WindowError;
use crate::link::{Link, News, Wishes};
use crate::pictures::Pictures;
use crate::scene::Scene;
use crate::screen::Screen;
use crate::style;
use crate::ui::Ui;

/// Between two drawings of scenes. People see no more, and the cores have other work.
const DRAW_INTERVAL: Duration = Duration::from_millis(33);
/// How large it is at first, in points.
const SIZE: LogicalSize<f64> = LogicalSize::new(1_280.0, 760.0);

/// A window that can be opened: there is a display.
pub struct Window {
    events: EventLoop<News>,
    link: Link,
    wishes: Wishes,
    title: String,
}

/// Why a window was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// The user closed it.
    Closed,
    /// The engine has ended.
    EngineEnded,
}

impl Window {
    /// Finds the display. Called once in a process, on its main thread.
    ///
    /// # Errors
    /// When there is none.
    pub fn new(title: impl Into<String>) -> Result<Self, WindowError> {
        let build = || EventLoop::<News>::with_user_event().build();
        // A library that is missing is a panic there.
        let events = catch_unwind(AssertUnwindSafe(build))
            .map_err(|panic| WindowError::Display(said(&*panic)))??;
        let proxy = events.create_proxy();
        let (link, wishes) = Link::new(move |news| {
            // The window is gone when this fails, and then nobody looks.
            let _ = proxy.send_event(news);
        });
        Ok(Self { events, link, wishes, title: title.into() })
    }

    /// The engine's end.
    pub fn link(&self) -> Link {
        self.link.clone()
    }

    /// Shows what the engine leaves at the link, from its first scene on, until the user closes the
    /// window or the engine has ended. Whatever happens to the window, the engine goes on.
    ///
    /// # Errors
    /// When it cannot be opened, or is lost.
    pub fn show(self) -> Result<Left, WindowError> {
        let Self { events, link, wishes, title } = self;
        let shown = catch_unwind(AssertUnwindSafe(|| {
            let mut viewer = Viewer::new(link.clone(), wishes, title);
            events.run_app(&mut viewer).map_err(|error| WindowError::Lost(error.to_string()))?;
            viewer.left
        }));
        link.close();
        shown.unwrap_or_else(|panic| Err(WindowError::Lost(said(&*panic))))
    }
}

struct Viewer {
    link: Link,
    wishes: Wishes,
    title: String,
    ui: Ui,
    context: egui::Context,
    opened: Option<Opened>,
    scene: Option<Arc<Scene>>,
    /// When it is to be drawn next, if it is.
    due: Option<Instant>,
    drawn: Instant,
    left: Result<Left, WindowError>,
}

struct Opened {
    window: Arc<winit::window::Window>,
    input: egui_winit::State,
    screen: Screen,
    pictures: Pictures,
}

impl Viewer {
    fn new(link: Link, wishes: Wishes, title: String) -> Self {
        let context = egui::Context::default();
        style::apply(&context);
        Self {
            link,
            wishes,
            title,
            ui: Ui::default(),
            context,
            opened: None,
            scene: None,
            due: None,
            drawn: Instant::now(),
            left: Ok(Left::Closed),
        }
    }

    fn open(&self, events: &ActiveEventLoop) -> Result<Opened, WindowError> {
        let attributes = winit::window::Window::default_attributes()
            .with_title(&self.title)
            .with_inner_size(SIZE);
        let window = Arc::new(events.create_window(attributes)?);
        let screen = Screen::new(window.clone())?;
        let input = egui_winit::State::new(
            self.context.clone(),
            ViewportId::ROOT,
            &window,
            Some(window.scale_factor() as f32),
            None,
            Some(screen.max_texture_side() as usize),
        );
        let pictures = Pictures::new(&screen);
        Ok(Opened { window, input, screen, pictures })
    }

    fn draw(&mut self) -> Result<(), WindowError> {
        self.drawn = Instant::now();
        self.due = None;
        let (Some(opened), Some(scene)) = (&mut self.opened, &self.scene) else { return Ok(()) };
        let Opened { window, input, screen, pictures } = opened;
        let (ui, wishes) = (&mut self.ui, &self.wishes);
        let output = self.context.run_ui(input.take_egui_input(window), |root| {
            let mut texture_of = |look: &crate::scene::Look| {
                look.frame().and_then(|frame| pictures.of(screen, look.view, frame))
            };
            ui.show(root, scene, &mut texture_of, wishes);
        });
        input.handle_platform_output(window, output.platform_output);
        let wait = output.viewport_output.get(&ViewportId::ROOT).map(|root| root.repaint_delay);
        self.due = wait.and_then(|wait| self.drawn.checked_add(wait.max(DRAW_INTERVAL)));
        let shapes = self.context.tessellate(output.shapes, output.pixels_per_point);
        screen.present(&shapes, &output.textures_delta, output.pixels_per_point)?;
        let shown = |view| scene.looks.iter().any(|look| look.view == view) && ui.shows(view);
        pictures.keep(screen, shown);
        Ok(())
    }

    fn leave(&mut self, events: &ActiveEventLoop, left: Result<Left, WindowError>) {
        self.left = left;
        events.exit();
    }
}

impl ApplicationHandler<News> for Viewer {
    fn resumed(&mut self, _events: &ActiveEventLoop) {}

    fn user_event(&mut self, events: &ActiveEventLoop, news: News) {
        match news {
            News::Ended => self.leave(events, Ok(Left::EngineEnded)),
            News::Scene => {
                let Some(scene) = self.link.take() else { return };
                self.scene = Some(Arc::new(scene));
                if self.opened.is_none() {
                    match self.open(events) {
                        Ok(opened) => self.opened = Some(opened),
                        Err(error) => return self.leave(events, Err(error)),
                    }
                }
                let soon = (self.drawn + DRAW_INTERVAL).max(Instant::now());
                self.due = Some(self.due.map_or(soon, |due| due.min(soon)));
            }
        }
    }

    fn window_event(&mut self, events: &ActiveEventLoop, _: WindowId, event: WindowEvent) {
        let Some(opened) = &mut self.opened else { return };
        match event {
            WindowEvent::CloseRequested => return self.leave(events, Ok(Left::Closed)),
            WindowEvent::RedrawRequested => {
                if let Err(error) = self.draw() {
                    self.leave(events, Err(error));
                }
                return;
            }
            WindowEvent::Resized(size) => opened.screen.resize(size),
            _ => {}
        }
        if opened.input.on_window_event(&opened.window, &event).repaint {
            opened.window.request_redraw();
        }
    }

    fn about_to_wait(&mut self, events: &ActiveEventLoop) {
        let now = Instant::now();
        if self.due.is_some_and(|due| due <= now) {
            self.due = None;
            if let Some(opened) = &self.opened {
                opened.window.request_redraw();
            }
        }
        events.set_control_flow(self.due.map_or(ControlFlow::Wait, ControlFlow::WaitUntil));
    }
}

/// What a panic said.
fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "a panic".to_owned())
}
