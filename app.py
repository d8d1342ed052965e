from tracer.ui.main import main

main()
